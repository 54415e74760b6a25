#!/usr/bin/env bash
# What the Kubernetes tests need, into build/k8s: Debian's etcd, containerd, runc, CNI plugins, promtool and bubblewrap
# (unpacked, not installed: their daemons are not to start here), the definitions of other projects' objects that the
# chart makes, and the programs of tools/build.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/k8s
packages=(etcd-server containerd runc containernetworking-plugins prometheus bubblewrap iptables)
modules=(github.com/prometheus-operator/prometheus-operator@v0.85.0
  github.com/cert-manager/cert-manager@v1.18.2
  github.com/kedacore/keda/v2@v2.17.2)
definitions=(example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml
  deploy/crds/crd-{certificates,issuers}.yaml
  config/crd/bases/keda.sh_{scaledobjects,triggerauthentications}.yaml)
mkdir -p "$out"

stamp=$(sha256sum "$here/prepare.sh")
if [ "$(cat "$out/.prepared" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$out/debian" "$out/packages" "$out/crds"
  mkdir -p "$out/debian" "$out/packages" "$out/crds"
  (cd "$out/packages" && apt-get download -q "${packages[@]}" >/dev/null 2>"$out/apt.log") || {
    cat "$out/apt.log" >&2
    exit 1
  }
  for package in "$out"/packages/*.deb; do dpkg -x "$package" "$out/debian"; done
  for module in "${modules[@]}"; do
    folder=$(cd "$out" && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    for definition in "${definitions[@]}"; do
      # cert-manager's are templates in their labels.
      if [ -e "$folder/$definition" ]; then sed '/{{/d' "$folder/$definition" >"$out/crds/$(basename "$definition")"; fi
    done
  done
  [ "$(find "$out/crds" -name '*.yaml' | wc -l)" -eq ${#definitions[@]} ] || { echo "definitions are missing" >&2; exit 1; }
  echo "$stamp" >"$out/.prepared"
fi
"$here/tools/build.sh"
