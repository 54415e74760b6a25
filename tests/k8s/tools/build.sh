#!/usr/bin/env bash
# Builds Kubernetes' own programs, helm and kwok from their Go modules into build/k8s/bin. Once: what is there
# and was built from these modules stays. All but kwok are of one module, so that what they share is compiled once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=$(cd ../../.. && pwd)/build/k8s/bin
mkdir -p "$out"

declare -A PROGRAMS=(
  [helm]=helm.sh/helm/v3/cmd/helm
  [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
  [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
  [kube-scheduler]=k8s.io/kubernetes/cmd/kube-scheduler
  [kubectl]=k8s.io/kubernetes/cmd/kubectl
  [kubelet]=k8s.io/kubernetes/cmd/kubelet)

stamp=$(sha256sum go.mod go.sum kwok/go.mod kwok/go.sum pause/main.go build.sh | sha256sum)
if [ "$(cat "$out/.built" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

# Releases are stamped with their version by the linker; without it Kubernetes calls itself v0.0.0.
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=$(cut -d. -f2 <<<"$kubernetes")
helm=$(go list -m -f '{{.Version}}' helm.sh/helm/v3)
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=$minor"
done
flags+=" -X helm.sh/helm/v3/internal/version.version=$helm"
for package in pkg/lint/rules pkg/chartutil; do
  flags+=" -X helm.sh/helm/v3/$package.k8sVersionMajor=1 -X helm.sh/helm/v3/$package.k8sVersionMinor=$minor"
done
build() {
  echo "building $1" >&2
  CGO_ENABLED=0 nice -n 10 go build -mod=readonly -trimpath -ldflags "$flags" -o "$out/$1" "$2"
}
for name in helm kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet; do
  build "$name" "${PROGRAMS[$name]}"
done
(cd kwok && build kwok sigs.k8s.io/kwok/cmd/kwok)
build pause ./pause
echo "$stamp" >"$out/.built"
