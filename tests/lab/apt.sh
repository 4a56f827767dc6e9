# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by mkguest and fetch-qemu11: Debian packages without touching this
# system. A private apt state (sources, lists, package cache, an empty dpkg
# status) lives in one directory; packages are downloaded into it and unpacked,
# never installed. The mirror and proxies are the ones this system's apt uses.
#
#   apt_open DIR SUITE...        make the private state, fetch the lists
#   apt_get ARGS                 apt-get inside it, several times if it must be
#   apt_fetch PKG...             download these packages
#   apt_closure [-t SUITE] PKG.. download these and all that they depend on
#   apt_show PKG FIELD           a field of the newest version's description
#   apt_unpack PATTERN...        unpack downloaded packages into $apt_dir/root
#   apt_close                    forget lists and packages (at exit in any case)
#
# Packages are of amd64; the caller may set apt_archs=amd64,ARCH to have others too, as
# PKG:ARCH. The caller defines say() (progress, quiet by default) and die().

apt_dir=
: "${apt_archs:=amd64}"

apt_mirror() {
	if [ -n "${VQT_DEBIAN_MIRROR:-}" ]; then
		echo "$VQT_DEBIAN_MIRROR"
		return
	fi
	# asks nothing of the network, nor of lists that may never have been fetched
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	apt-get update --print-uris 2>/dev/null |
		sed -n "s|^'\\(.*\\)/dists/$codename/InRelease'.*|\\1|p" | head -n 1
}

# A mirror may fail for a moment, or be in the middle of an update: try again, each time
# after a longer pause. apt calls unreachable lists a warning and goes on.
apt_get() {
	for pause in 5 15 30 60 0; do
		APT_CONFIG=$apt_dir/apt.conf apt-get -q -y "$@" >"$apt_dir/log" 2>&1 &&
			! grep -q '^W: .*[Ff]ailed to fetch' "$apt_dir/log" && return 0
		[ $pause != 0 ] || return 1
		say "apt-get $1 failed; again in $pause s"
		sleep $pause
	done
}

# apt_failed WHAT: apt's own first complaint, and what to do about it.
apt_failed() {
	why=$(sed -n 's/^[EW]: *//p' "$apt_dir/log" | head -n 1)
	case $(cat "$apt_dir/log") in
	*NO_PUBKEY*) remedy="apt-get update && apt-get install debian-archive-keyring" ;;
	*) remedy="check the network with apt-get update, or set VQT_DEBIAN_MIRROR to a Debian mirror" ;;
	esac
	die "$1 failed: ${why:-apt said nothing}; $remedy"
}

# Our own lists, so that neither the age of the system's nor its sources matter.
apt_open() {
	apt_dir=$1
	shift
	for tool in apt-get dpkg-deb; do
		command -v $tool >/dev/null || die "no $tool: this works on Debian and its derivatives only"
	done
	mirror=$(apt_mirror)
	[ -n "$mirror" ] ||
		die "no Debian mirror in this system's apt sources; set VQT_DEBIAN_MIRROR to one and try again"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e $keyring ] || die "$keyring is missing; apt-get install debian-archive-keyring"
	trap apt_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	apt_close # what one that was killed has left
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial" "$apt_dir/none" "$apt_dir/root"
	: >"$apt_dir/status"
	for suite; do
		echo "deb [arch=$apt_archs signed-by=$keyring] $mirror $suite main"
	done >"$apt_dir/sources.list"
	# of the system's configuration only how to reach the mirror: no hooks, no pins
	apt-config dump | sed -n '/^Acquire::[Hh]ttp/p; /^Acquire::Check/p; /^Acquire::Retries/p' >"$apt_dir/apt.conf"
	cat >>"$apt_dir/apt.conf" <<-EOF
		APT::Architecture "amd64";
		APT::Architectures { $(echo "$apt_archs" | sed 's/[^,]*/"&";/g; s/,/ /g') };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Debug::NoLocking "true";
		Dir::State "$apt_dir";
		Dir::State::lists "$apt_dir/lists";
		Dir::State::status "$apt_dir/status";
		Dir::Cache "$apt_dir";
		Dir::Cache::archives "$apt_dir/archives";
		Dir::Etc::Main "$apt_dir/none/main";
		Dir::Etc::Parts "$apt_dir/none";
		Dir::Etc::SourceList "$apt_dir/sources.list";
		Dir::Etc::SourceParts "$apt_dir/none";
		Dir::Etc::Preferences "$apt_dir/none/preferences";
		Dir::Etc::PreferencesParts "$apt_dir/none";
		Dir::Log "$apt_dir";
	EOF
	say "fetching package lists ($*)"
	apt_get update || apt_failed "fetching Debian's package lists"
}

# apt_fetch PKG...: these alone, at the newest version of the suites given.
apt_fetch() {
	say "downloading $*"
	(cd "$apt_dir/archives" && apt_get download "$@") || apt_failed "downloading $*"
}

# apt_closure [-t SUITE] PKG...: these and all that they depend on.
apt_closure() {
	say "downloading packages"
	apt_get install --download-only --no-install-recommends "$@" || apt_failed "downloading packages"
}

apt_show() {
	APT_CONFIG=$apt_dir/apt.conf apt-cache show --no-all-versions "$1" | sed -n "s/^$2: //p"
}

# Every .deb downloaded so far whose package name matches a pattern.
apt_unpack() {
	for pattern; do
		# shellcheck disable=SC2231 # a pattern, to be expanded
		for deb in "$apt_dir"/archives/${pattern}_*.deb; do
			[ -e "$deb" ] || die "package $pattern was not downloaded"
			dpkg-deb -x "$deb" "$apt_dir/root" || die "cannot unpack $deb; is the disk full?"
		done
	done
}

apt_close() {
	rm -rf "${apt_dir:?}"
}
