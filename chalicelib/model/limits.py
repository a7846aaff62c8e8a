"""Limits of the services that an answer passes through."""

from __future__ import annotations

from typing import Final

LARGEST_PAYLOAD: Final = 6_291_556
"""Bytes that a Lambda function can be sent or answer with (AWS Lambda developer guide, 'Quotas')."""
LARGEST_TWINMAKER_PAGE: Final = 200
"""Values (TwinMaker API reference, GetPropertyValueHistory, `maxResults`)."""
LONGEST_NEXT_TOKEN: Final = 17_880
"""Characters (TwinMaker API reference, GetPropertyValueHistory, `nextToken`)."""
LONGEST_STRING: Final = 256
"""Characters; of a map's key, too (TwinMaker API reference, 'DataValue')."""
RELATIONSHIP_LENGTHS: Final = {"targetEntityId": 128, "targetComponentName": 256}
"""Characters at most of a relationship's parts (TwinMaker API reference, 'RelationshipValue')."""
MOST_ELEMENTS: Final = 50
"""Elements of a list or a map (TwinMaker API reference, 'DataValue')."""
