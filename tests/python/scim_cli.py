"""Reads the server at SCIM_CLI_URL with scim2-cli: command after command, in one process since each start takes its time."""

import json

from click.testing import CliRunner
from scim2_cli import cli


def ask(*arguments):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, f"scim2 {' '.join(arguments)}\n{result.output}\n{result.exception!r}"
    return json.loads(result.stdout)


users = ask("query", "user", "--sort-by", "userName", "--count", "5", "--start-index", "11")
assert (users["totalResults"], users["startIndex"], users["itemsPerPage"]) == (14, 11, 4), users
one = users["Resources"][0]
found = ask("query", "user", "--filter", f'userName eq "{one["userName"]}"', "--attribute", "userName")
assert found["totalResults"] == 1 and found["Resources"][0]["userName"] == one["userName"], found
assert "emails" in one and "emails" not in found["Resources"][0], found
assert ask("query", "user", one["id"])["id"] == one["id"]
groups = ask("query", "group", "--excluded-attribute", "members")
assert groups["totalResults"] >= 4 and "members" not in groups["Resources"][0], groups
assert ask("query", "group", groups["Resources"][0]["id"])["members"]
assert ask("search", "user", "--count", "3")["itemsPerPage"] == 3
assert ask("search", "--count", "3")["totalResults"] == 14 + groups["totalResults"]
assert ask("query", "user", "--cursor", "", "--count", "3")["nextCursor"]
assert ask("query", "schema")["totalResults"] == 8
assert ask("query", "resourcetype")["totalResults"] == 2
assert ask("query", "serviceproviderconfig")["filter"]["supported"]
print("read all")
