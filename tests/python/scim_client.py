"""Reads everything that the server at SCIM_URL serves to the token SCIM_TOKEN with scim2-client, which checks every answer
against the RFCs and the published schemas."""

import os

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ResourceType, ResponseParameters, Schema, SearchRequest, ServiceProviderConfig

client = SyncSCIMClient(
    Client(base_url=os.environ["SCIM_URL"], headers={"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"}, timeout=60)
)
client.discover()
User, Group = (client.get_resource_model(name) for name in ("User", "Group"))


def walk(model, **query):
    """All resources of a query, by pages of seven."""
    found, start = [], 1
    while True:
        page = client.query(model, query_parameters=SearchRequest(start_index=start, count=7, **query))
        assert page.start_index == start, page
        found += page.resources or []
        start += page.items_per_page
        if start > page.total_results or not page.items_per_page:
            assert len(found) == page.total_results, f"{len(found)} of {page.total_results}"
            assert len({resource.id for resource in found}) == len(found), "somebody came twice"
            return found


users, groups = walk(User), walk(Group)
assert len(users) >= 12 and len(groups) >= 4, (len(users), len(groups))

for model, all_of_it in ((User, users), (Group, groups)):
    for resource in all_of_it:
        again = client.query(model, resource.id)
        assert again.id == resource.id and again.meta.location == resource.meta.location

# What a group says of its members, its members say of it.
for group in groups:
    members = {member.value for member in client.query(Group, group.id).members or []}
    assert members == {user.id for user in users if group.id in {one.value for one in user.groups or []}}, group.id

somebody = users[3]
for attribute, value in (("userName", somebody.user_name), ("id", somebody.id), ("emails.value", somebody.emails[0].value)):
    found = walk(User, filter=f'{attribute} eq "{value}"')
    assert [user.id for user in found] == [somebody.id], (attribute, found)
active = walk(User, filter='active eq true and not (userName co "nobody at all")')
assert {user.id for user in active} == {user.id for user in users if user.active}
assert walk(Group, filter='displayName eq "nothing of the kind"') == []

names = [user.user_name.lower() for user in walk(User, sort_by="userName", sort_order="descending")]
assert names == sorted(names, reverse=True), names

bare = client.query(User, somebody.id, query_parameters=ResponseParameters(attributes=["userName"]))
assert bare.user_name == somebody.user_name and bare.name is None and bare.id == somebody.id
rest = client.query(User, somebody.id, query_parameters=ResponseParameters(excluded_attributes=["name"]))
assert rest.user_name == somebody.user_name and rest.name is None and rest.emails

schemas = client.query(Schema).resources
for schema in schemas:
    assert client.query(Schema, schema.id).id == schema.id
kinds = client.query(ResourceType).resources
assert {kind.name for kind in kinds} == {"User", "Group"}
config = client.query(ServiceProviderConfig)
assert config.filter.supported and config.sort.supported and not config.patch.supported


first = SearchRequest(count=2)
for answer in (client.search(search_request=first), client.query(query_parameters=first)):
    assert answer.total_results == len(users) + len(groups) and len(answer.resources) == 2, answer
wanted = SearchRequest(filter=f'userName eq "{somebody.user_name}"')
assert [user.id for user in client.search(User, search_request=wanted).resources] == [somebody.id]

found, cursor = [], ""
while cursor is not None:
    page = client.query(User, query_parameters=SearchRequest(cursor=cursor, count=5))
    assert page.total_results == len(users), page
    found += page.resources
    cursor = page.next_cursor
assert [user.id for user in found] == [user.id for user in users]

print(f"read {len(users)} users, {len(groups)} groups, {len(schemas)} schemas, {len(kinds)} resource types")
