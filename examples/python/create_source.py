#!/usr/bin/env python3
"""Creates an inventory source, from Python.

    create_source.py DATABASE MASTER_KEY_FILE REGISTRY_FILE STOREFRONT < request.json

The master key comes from `invsrc key generate`, the registry file is the catalogue
of AAO: {"agents": [{"url": "https://…"}], "count": 1}.
"""
import sys


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        import invsrc  # loads the libraries
    except OSError as error:
        sys.exit(f"create_source: {error}\nINVSRC_LIBRARY_PATH must name the libraries' folder, such as build")
    database, key_file, registry_file, storefront = sys.argv[1:]
    try:
        with invsrc.Service(database, key_file, registry_file) as service:
            status, _, body = service.create(storefront, sys.stdin.buffer.read())
    except invsrc.Error as error:
        sys.exit(f"create_source: {error}")
    print(body.decode())
    return 0 if status == 201 else 1


if __name__ == "__main__":
    sys.exit(main())
