"""Which arguments and blocks the resources of a Terraform provider have, from the published types of
`@cdktf/provider-google` (npm). Writes google_provider_types.json:

    npm pack @cdktf/provider-google@16.12.1 && tar xzf cdktf-provider-google-16.12.1.tgz
    python3 tests/integration/provider_types.py package google_monitoring_alert_policy google_logging_metric ...
"""
import json
import pathlib
import re
import sys

TYPES = pathlib.Path(__file__).with_name("google_provider_types.json")
FIELD = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s+readonly \w+(\??): ([^;]+);", re.DOTALL)
NAME = re.compile(r"#(\w+) \w+#\w+\}")  # of the link to the documentation: as Terraform spells it
VALUES = re.compile(r"Possible values: \[([^\]]*)\]")


def interfaces(text):
    """Interface -> {argument: (required, type, possible values)}."""
    return {name: {NAME.search(comment)[1]: (optional == "", kind, values_of(comment))
                   for comment, optional, kind in FIELD.findall(body)}
            for name, body in re.findall(r"export interface (\w+)[^{]*\{(.*?)\n\}", text, re.DOTALL)}


def values_of(comment):
    found = VALUES.search(comment)
    return re.findall(r'"(\w+)"', found[1]) if found else None


def arguments(name, known):
    """{argument: {"required": bool, "block": its own arguments or null, "values": the possible ones or null}}"""
    found = {}
    for field, (required, kind, values) in known[name].items():
        block = re.match(r"\w*", kind)[0]  # "" for a map
        found[field] = {"required": required, "block": arguments(block, known) if block in known else None,
                        "values": values}
    return found


def main(package, *resources):
    folder = pathlib.Path(package)
    version = json.loads((folder / "package.json").read_text())["version"]
    types = {"from": f"@cdktf/provider-google@{version}", "resources": {}}
    for resource in resources:
        text = (folder / "lib" / resource.removeprefix("google_").replace("_", "-") / "index.d.ts").read_text()
        assert f'tfResourceType = "{resource}"' in text, resource
        config = re.search(r"export interface (\w+)Config extends", text)[1] + "Config"
        types["resources"][resource] = arguments(config, interfaces(text))
    TYPES.write_text(json.dumps(types, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
