#!/bin/sh
# Mails each change of an uplink by the system's sendmail (Postfix, Exim, msmtp, …), which keeps the mail until a line works.
#
#   hook: [/etc/netvia/mail.sh, admin@example.com]
set -eu
PATH=$PATH:/usr/sbin:/usr/lib

sendmail -i -t <<MAIL
To: $1
Subject: [$(uname -n)] uplink $NETVIA_UPLINK is $NETVIA_STATE
Auto-Submitted: auto-generated
Content-Type: text/plain; charset=utf-8

$NETVIA_UPLINK ($NETVIA_DEVICE): $NETVIA_PREVIOUS_STATE -> $NETVIA_STATE
since $(date -u -d "@$((NETVIA_AT / 1000))" '+%Y-%m-%d %H:%M:%S UTC')

$NETVIA_REASON
MAIL
