#!/bin/sh
# After the files are there: the user of the nights, and its folders.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers magento-optiply.conf || true
fi
if ! getent passwd magento-optiply >/dev/null; then
    getent group magento-optiply >/dev/null || groupadd --system magento-optiply
    useradd --system --gid magento-optiply --home-dir /var/lib/magento-optiply --no-create-home --shell /usr/sbin/nologin magento-optiply
fi
# Configurations can name secrets: nobody else reads them. Those who administer them are root.
chown root:magento-optiply /etc/magento-optiply
chmod 0750 /etc/magento-optiply
mkdir -p /var/lib/magento-optiply
chown magento-optiply:magento-optiply /var/lib/magento-optiply
chmod 0750 /var/lib/magento-optiply
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
