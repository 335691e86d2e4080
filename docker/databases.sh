#!/bin/sh
# Makes both databases and their roles when PostgreSQL starts for the first time; its image runs this.
set -eu
export SECRETS="${SECRETS:-/run/secrets}"
psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set prefect `cat "$SECRETS/prefect_password"`
\set pairsift `cat "$SECRETS/pairsift_password"`
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE ROLE pairsift LOGIN PASSWORD :'pairsift';
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE pairsift OWNER pairsift;
\connect prefect
CREATE EXTENSION pg_trgm;
SQL
