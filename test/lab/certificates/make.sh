#!/bin/sh
# Creates the laboratory's certificates again, with openssl. They are committed, so tests don't need openssl.
# Use them only for tests, because the keys are public.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index.txt"

cat > "$work/ca.conf" <<CONF
[ca]
default_ca = test
[test]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = names
unique_subject = no
[names]
commonName = supplied
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CONF

key() { # file
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

request() { # key, common name
  openssl req -new -key "$1" -subj "/CN=$2" -out "$work/request.pem"
}

sign() { # out, not before, not after, extra arguments
  out=$1 before=$2 after=$3
  shift 3
  openssl ca -batch -notext -config "$work/ca.conf" -in "$work/request.pem" -out "$out" \
    -startdate "$before" -enddate "$after" "$@" 2> /dev/null
}

key "$work/ca.key"
request "$work/ca.key" 'netvia test CA'
sign ca.pem 20200101000000Z 21200101000000Z -selfsign -keyfile "$work/ca.key" -extensions root

leaf() { # name, common name, not before, not after, alternative names
  printf 'subjectAltName = %s\nextendedKeyUsage = serverAuth\n' "$5" > "$work/leaf.conf"
  key "$1.key"
  request "$1.key" "$2"
  sign "$1.pem" "$3" "$4" -cert ca.pem -keyfile "$work/ca.key" -extfile "$work/leaf.conf"
}

here='IP:203.0.113.1,IP:2001:db8:ff::1,IP:10.9.0.2,IP:fd00:9::2,IP:127.0.0.1,IP:::1'
leaf server server.test 20200101000000Z 21200101000000Z "DNS:server.test,DNS:*.server.test,DNS:localhost,$here"
leaf expired server.test 20200101000000Z 20210101000000Z "DNS:server.test,DNS:*.server.test,DNS:localhost,$here"
leaf wrong-name elsewhere.example 20200101000000Z 21200101000000Z DNS:elsewhere.example
