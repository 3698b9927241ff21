#!/usr/bin/python3
"""The OCI runtime of the podman run: runc, with the mounts that Docker gives a read-only container.

podman gives such a container a writable /run, /tmp and /var/tmp, which hides a mount that docker-compose.yml lacks. Only the tmpfs
mounts that a service asks for stay, with Docker's options.
"""
import json, os, sys

arguments = sys.argv[1:]
if 'create' in arguments:
    bundle = arguments[arguments.index('--bundle') + 1] if '--bundle' in arguments else '.'
    path = os.path.join(bundle, 'config.json')
    with open(path) as file:
        spec = json.load(file)
    mounts = []
    for mount in spec['mounts']:
        target = mount['destination']
        if mount.get('type') == 'tmpfs' and not target.startswith(('/dev', '/sys', '/proc')):
            if target in ('/run', '/var/tmp'):
                continue
            mount['options'] = ['noexec', 'nosuid', 'nodev', 'rprivate']
        mounts.append(mount)
    spec['mounts'] = mounts
    with open(path, 'w') as file:
        json.dump(spec, file)
os.execvp('runc', ['runc', *arguments])
