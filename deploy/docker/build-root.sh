#!/usr/bin/env bash
# The image's root: build-root.sh PROGRAM FOLDER. The Dockerfile's last stage is a copy of it, and the tests run it.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: build-root.sh PROGRAM FOLDER" >&2; exit 2; }
program=$1
root=$2
[ ! -e "$root" ] || { echo "build-root.sh: $root is there already" >&2; exit 1; }

install -d "$root/usr/bin" "$root/etc/ssl/certs" "$root/usr/share"
install -m 755 "$program" "$root/usr/bin/perdure"
strip --strip-all "$root/usr/bin/perdure"

# Each library stands where the loader looks first: in the folder it has here.
libraries=$(ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }')
if ldd "$program" | grep -q "not found"; then
  echo "build-root.sh: $program lacks libraries:" >&2
  ldd "$program" | grep "not found" >&2
  exit 1
fi
copy_licence() {
  # Debian knows some files by their path before /lib became /usr/lib.
  local package
  package=$(dpkg-query -S "$1" 2>/dev/null || dpkg-query -S "${1#/usr}")
  package=${package%%:*}
  install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
}
for library in $libraries; do
  file=$(readlink -f "$library")
  install -D -m 755 "$file" "$root$library"
  strip --strip-unneeded "$root$library"
  copy_licence "$file"
done
# What is linked in is part of the program, so its licences are too.
build=$(dirname "$program")/..
for archive in $(ninja -C "$build" -t inputs bin/perdure | grep '^/usr/.*\.a$'); do
  copy_licence "$archive"
done

install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cp -r --no-preserve=mode,ownership /usr/share/zoneinfo "$root/usr/share/zoneinfo"
rm -rf "$root"/usr/share/zoneinfo/{posix,right,posixrules}
cat >"$root/etc/passwd" <<'TEXT'
root:x:0:0:root:/:/nonexistent
perdure:x:65532:65532:Perdure:/:/nonexistent
TEXT
cat >"$root/etc/group" <<'TEXT'
root:x:0:
perdure:x:65532:
TEXT
echo "hosts: files dns" >"$root/etc/nsswitch.conf"

# Where a read-only root needs room to mount.
install -d -m 755 "$root"/{proc,sys,dev,etc/perdure,var/lib/perdure}
install -d -m 1777 "$root/tmp"
