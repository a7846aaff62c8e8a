"""The registration of a twin in AWS IoT TwinMaker, and its removal.

Whatever `Registration` makes carries tags that say whose it is. A component type or entity of the
same id without them is somebody else's and isn't touched, unless it is adopted: then it gets the tags
and is ours from then on, so `deregister` removes it, too.

First everything is looked at, then what differs is written, and each step can be done twice. So a run
that was killed is simply repeated: what is still CREATING, UPDATING or DELETING is waited for, what
is in ERROR gets the full definition again. Only if TwinMaker refuses to update a resource that is in
ERROR, it is deleted and made anew.

TwinMaker invokes connectors with the workspace's role (AWS IoT TwinMaker guide, 'Create and manage a
service role for AWS IoT TwinMaker': the role gives it access to resources in other services, and
permissions for what a twin uses are added to it). That is why an inline policy of that role is all
the permission needed: no Lambda function has to trust TwinMaker by a resource policy.

`registration` is where to begin: it looks at `workspace` and `role`, and brings `component_types` and
`entities` in line, which share how that is done (`resources`).
"""
