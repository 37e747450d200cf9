#!/usr/bin/env bash
# A real control plane for tests: prints the folder that holds `etcd`, `kube-apiserver` and `kube-controller-manager`.
#
#   KUBEBUILDER_ASSETS=$(tests/external/kube-assets.sh)
#
# A folder named by KUBEBUILDER_ASSETS is taken as it is, if all three are in it. Otherwise they are made from the newest
# source package of Debian that still holds the server, which takes about ten minutes, once: they are kept below the
# user's cache folder. KUBE_BUILD_JOBS says how many packages are compiled at a time (2).
set -euo pipefail
cd "$(dirname "$0")"

version=1.20.2
snapshot=bookworm
programs=(kube-apiserver kube-controller-manager)
fail() { echo "kube-assets.sh: $*" >&2; exit 1; }
complete() { for program in etcd "${programs[@]}"; do [ -x "$1/$program" ] || return 1; done; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  complete "$KUBEBUILDER_ASSETS" || fail "etcd or ${programs[*]} are missing in $KUBEBUILDER_ASSETS"
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra
assets=$cache/kube-$version
mkdir -p "$cache"
# Two at once would do the work twice: the second waits, and finds it done.
exec 9>"$cache/kube.lock"
flock 9
if complete "$assets"; then
  echo "$assets"
  exit
fi

work=$(mktemp -d "$cache/kube-build.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# All that is said goes to the log, and to the terminal only if it fails.
{
  # The system's list of packages may be without sources: this one is apart from it, and leaves it as it is.
  mkdir -p "$work/lists/partial" "$work/apt" "$work/deb"
  # From wherever this system has its packages.
  # shellcheck disable=SC2016 # apt-get expands it
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep '/debian/$' | head -1)
  [ -n "$mirror" ] || { echo "this system names no mirror of Debian"; false; }
  printf '%s\n' "deb $mirror $snapshot main" "deb-src $mirror $snapshot main" >"$work/apt/sources.list"
  apt=(-o "Dir::Etc::sourcelist=$work/apt/sources.list" -o "Dir::Etc::sourceparts=-"
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o "APT::Sandbox::User=" -o "Acquire::Retries=3")
  apt-get "${apt[@]}" update -qq
  missing=()
  for tool in rsync jq make; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  if [ "${#missing[@]}" -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}"
  fi
  cd "$work/deb"
  apt-get "${apt[@]}" source --download-only kubernetes
  # reflect2 1.0.1, which the source carries, does not work with Go 1.18 and later; Debian's package is newer.
  apt-get "${apt[@]}" download golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev etcd-server
  for package in *.deb; do dpkg -x "$package" "$work/root"; done
  mkdir "$work/source"
  tar -xzf kubernetes_*.orig.tar.gz -C "$work/source" --strip-components=1
  reflect=vendor/github.com/modern-go/reflect2
  rm -rf "${work:?}/source/$reflect"
  cp -rL "$work/root/usr/share/gocode/src/github.com/modern-go/reflect2" "$work/source/$reflect"

  cd "$work/source"
  cat >"$work/version" <<END
KUBE_GIT_COMMIT='faecb196815e248d3ecfb03c680a4507229c2a56'
KUBE_GIT_TREE_STATE='clean'
KUBE_GIT_VERSION='v$version'
KUBE_GIT_MAJOR='1'
KUBE_GIT_MINOR='20'
END
  what=""
  for program in "${programs[@]}"; do what+="cmd/$program "; done
  # `make`, since it generates files that are not in the source.
  PATH=$work/root/usr/lib/go-1.19/bin:$PATH GOPROXY=off GOFLAGS="-p=${KUBE_BUILD_JOBS:-2}" CGO_ENABLED=0 \
    GOCACHE=$work/gocache KUBE_GIT_VERSION_FILE=$work/version KUBE_BUILD_PLATFORMS=linux/amd64 \
    make WHAT="$what" GOFLAGS="-p=${KUBE_BUILD_JOBS:-2}" GOLDFLAGS="-s -w"
} >"$cache/kube-build.log" 2>&1 || { tail -40 "$cache/kube-build.log" >&2; fail "not built; the log is $cache/kube-build.log"; }

mkdir -p "$work/done"
for program in "${programs[@]}"; do
  cp "$(find "$work/source/_output" -type f -name "$program" | head -1)" "$work/done/"
done
cp "$work/root/usr/bin/etcd" "$work/done/"
rm -rf "$assets"
mv "$work/done" "$assets"
complete "$assets" || fail "the build left no programs in $assets"
echo "$assets"
