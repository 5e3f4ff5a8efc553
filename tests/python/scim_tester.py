"""Every check of scim2-tester that needs no write, against the server at SCIM_URL with the token SCIM_TOKEN.

The tool makes a resource for each check of reading. This token may not write: the checks get one that is there already, and
ask for attributes that it has.
"""

import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server
from scim2_tester.checkers import resource_query_attributes
from scim2_tester.utils import ResourceManager, Status

READING = {"discovery", "misc", "crud:read", "crud:read:attributes"}
WRITING = {
    "object_creation",
    "object_replacement",
    "object_deletion",
    "check_add_attribute",
    "check_remove_attribute",
    "check_replace_attribute",
}

client = SyncSCIMClient(
    Client(base_url=os.environ["SCIM_URL"], headers={"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"}, timeout=60)
)


def first(model):
    return client.query(model).resources[0]


pick = resource_query_attributes._pick_attribute_names


def pick_present(model):
    """As the tool picks names, but only among those that the resource has a value of."""
    present = first(model).model_dump()
    fields = model.model_fields
    names = {name: field.serialization_alias or name for name, field in fields.items()}
    absent = [name for name, alias in names.items() if alias not in present]
    kept = {name: fields.pop(name) for name in absent}
    try:
        return pick(model)
    finally:
        fields.update(kept)


ResourceManager.create_and_register = lambda self, model, fill_all=False: first(model)
ResourceManager.cleanup = lambda self: None
resource_query_attributes._pick_attribute_names = pick_present

results = check_server(client, include_tags=READING)
done = {result.title for result in results if result.status != Status.SKIPPED}
skipped = {result.title for result in results if result.status == Status.SKIPPED}
wrong = [result for result in results if result.status in (Status.ERROR, Status.CRITICAL, Status.DEVIATION)]
for result in wrong:
    print(f"{result.status.name} {result.title} {result.resource_type or ''}: {result.reason}\n  {str(result.data)[:2000]}")
print(f"{len(results)} checks, {len(wrong)} wrong; done: {', '.join(sorted(done))}")
unknown = skipped - WRITING
if unknown:
    print(f"skipped for no reason that is known: {', '.join(sorted(unknown))}")
sys.exit(bool(wrong or unknown or len(done) < 17))
