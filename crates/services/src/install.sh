# Installs packages without starting the services they bring. Arguments: the packages.
#
# Debian starts a service when its package is installed unless this file says no:
# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
# It says no only while this shell lives, so that one that is killed leaves nothing behind that matters.

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' "$$" >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
# Another run may be installing at this moment.
apt-get -o DPkg::Lock::Timeout=300 update >&2 &&
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2
