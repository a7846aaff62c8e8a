"""A walk over the read path of a deployed stage, hop by hop, up to the first broken one.

A hop is a function that is given what it needs, and returns its finding: in words, and the value that
later hops need. It only looks: nothing is written anywhere. The real token goes to the stage's endpoints
and nowhere else, and only after they refused a wrong one (or answered 500 or 503, which is trouble behind
them); secrets are removed from all that is reported.

`verification` has the order of the hops, `hop` takes and reports them, a module for each part of the way
has the hops themselves, and `diagnosis` the advice for answers of others.
"""
