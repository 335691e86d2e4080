#!/bin/sh
# Makes the secrets of compose.yaml where there are none: random passwords, and the address of Pairsift's database.
# Compose mounts the files as they are, and they are read there by other users: so the folder keeps people out, not the files.
set -eu
cd "$(dirname "$0")"
mkdir -p -m 700 secrets
for name in postgres prefect pairsift; do
    file="secrets/${name}_password"
    test -s "$file" || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$file"
done
printf 'postgresql://pairsift:%s@postgres/pairsift' "$(cat secrets/pairsift_password)" > secrets/pairsift_database_url
chmod 644 secrets/*
