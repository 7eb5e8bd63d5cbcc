#!/bin/sh
# Default routes follow the state of their uplink, by metric: those of an uplink that is degraded get 5000 more, those of one that is
# down 10000 more. As root, or with CAP_NET_ADMIN. Give each uplink's default route a metric of its own, below 5000.
#
#   hook: [/etc/netvia/route-metric.sh]
#   hookAtStart: true
#
# Never delete the route of an uplink that is down. Its checks need it to notice that the line is back: without the route they fail
# on this machine, and the uplink stays down for good. UplinkRouting does all this without a hook.
set -euf

case $NETVIA_STATE in
  down) penalty=10000 ;;
  degraded) penalty=5000 ;;
  *) penalty=0 ;;
esac

for family in -4 -6; do
  ip $family route show default dev "$NETVIA_DEVICE" | while read -r _ via gateway rest; do
    # Without a gateway (PPP, WireGuard) the line has no "via".
    case $via in
      via) to="via $gateway" ;;
      *) to='' rest="$via $gateway $rest" ;;
    esac
    case $rest in
      *metric\ *) old=${rest##*metric } old=${old%% *} ;;
      *) old=0 ;;
    esac
    new=$((old % 5000 + penalty))
    [ "$new" -eq "$old" ] && continue
    # The new one first: at no moment is there none.
    # shellcheck disable=SC2086 # words
    ip $family route add default $to dev "$NETVIA_DEVICE" metric "$new"
    # shellcheck disable=SC2086
    ip $family route del default $to dev "$NETVIA_DEVICE" metric "$old"
    echo "$family default $to: metric $old -> $new"
  done
done
