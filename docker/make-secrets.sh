#!/bin/sh
# Makes the secrets that docker/compose.yaml hands to its containers, once. What is there stays as it is: the key is
# what opens the tokens in the database, and the database keeps the password it was set up with.

set -eu
cd "$(dirname "$0")"
mkdir -p secrets
# The folder keeps other people out. The files must be readable for the user inside the containers.
chmod 700 secrets

random() {
    head -c "$1" /dev/urandom
}

if [ ! -e secrets/russet_key ]; then
    echo "k1:$(random 32 | base64)" >secrets/russet_key
fi
if [ ! -e secrets/postgres_password ]; then
    printf %s "$(random 24 | od -An -v -tx1 | tr -d ' \n')" >secrets/postgres_password
fi
printf 'postgres://russet:%s@postgres:5432/russet' "$(cat secrets/postgres_password)" >secrets/store_url
chmod 644 secrets/russet_key secrets/postgres_password secrets/store_url
