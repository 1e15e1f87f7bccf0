# SPDX-License-Identifier: Apache-2.0
"""A gateway's JSON file with many routes of every kind, and the paths that match them: path number
i belongs to route number i. The origin answers all paths below /page/."""

import json

SERVICES = 20
VERSION_PATH = "/version"  # tells which of several texts is being served


def _pattern(number):
    kinds = (f"/page/{number}/items/list", f"/page/{number}/users/{{id}}/orders",
             f"/page/{number}/files/*")
    return kinds[number % len(kinds)]


def path(number):
    return _pattern(number).replace("{id}", "42").replace("*", "a/b.txt")


def config(listen, origin, count, version=0):
    """The text of a file with `count` routes over a few services, beside the version's."""
    services = {f"service-{number}": {"targets": [f"http://{origin}"]}
                for number in range(min(count, SERVICES))}
    routes = [{"path": VERSION_PATH, "respond": {"status": 200, "body": str(version)}}]
    routes += [{"path": _pattern(number), "service": f"service-{number % SERVICES}"}
               for number in range(count)]
    return json.dumps({"listen": [listen], "workers": 1, "services": services, "routes": routes},
                      indent=1)


def write_paths(file_name, count):
    with open(file_name, "w", encoding="ascii") as file:
        file.writelines(path(number) + "\n" for number in range(count))
    return file_name
