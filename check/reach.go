package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	// longest is how long one look at a name or a certificate may take.
	longest = 15 * time.Second
	// soon is when a certificate's end is worth a warning: renewals are automatic, and are late by then.
	soon = 14 * 24 * time.Hour
)

// checkReach looks up the host of an address and its certificate. It tells whether there is any sense in asking there.
func (j *Job) checkReach(ctx context.Context, side, setting, address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		j.fail(side+" address", setting+" is no address", "set "+setting)
		return false
	}
	j.begin(side + " address")
	if !j.checkName(ctx, side+" address", setting, u.Hostname()) {
		j.skip(side+" TLS", "the address is not known")
		return false
	}
	j.begin(side + " TLS")
	if u.Scheme != "https" {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			j.skip(side+" TLS", "plain http, to this machine itself")
		} else {
			j.warn(side+" TLS", "plain http: whoever is on the way can read the sign-in", "begin "+setting+" with https://")
		}
		return true
	}
	return j.checkCertificate(ctx, side+" TLS", setting, u)
}

func (j *Job) checkName(ctx context.Context, check, setting, host string) bool {
	if net.ParseIP(host) != nil {
		j.ok(check, host)
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	resolver := j.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupHost(ctx, host)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		j.fail(check, "no address is known for "+host, "check "+setting)
		return false
	case err != nil:
		j.fail(check, "the name "+host+" cannot be looked up: "+err.Error(), "check this machine's network and DNS")
		return false
	}
	j.ok(check, host+" is "+strings.Join(found[:min(len(found), 2)], ", "))
	return true
}

func (j *Job) checkCertificate(ctx context.Context, check, setting string, u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	conn, err := (&tls.Dialer{Config: j.TLS}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		found, todo := explainTLS(err, setting)
		j.fail(check, found, todo)
		return false
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	ends := state.PeerCertificates[0].NotAfter
	left := ends.Sub(j.Now())
	found := fmt.Sprintf("%s, certificate good until %s", tls.VersionName(state.Version), ends.UTC().Format(time.DateOnly))
	if left < soon {
		j.warn(check, fmt.Sprintf("the certificate ends in %d days, on %s", int(left.Hours()/24), ends.UTC().Format(time.DateOnly)),
			"have it renewed: no run can read or send without")
		return true
	}
	j.ok(check, found)
	return true
}

func explainTLS(err error, setting string) (found, todo string) {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has ended, or this machine's clock is wrong: " + invalid.Error(), "have the certificate renewed, or set the clock"
	case errors.As(err, &host):
		return "the certificate is for another name: " + host.Error(), "check " + setting
	case errors.As(err, &unknown):
		return "the certificate is signed by nobody whom this machine trusts", "have a public certificate set up with its chain, or add its authority to this machine (update-ca-certificates)"
	case errors.As(err, &header):
		return "what answers there does not speak TLS", "check " + setting + ": its port, or http:// for https://"
	}
	return "no connection: " + err.Error(), "check " + setting + " and that this machine may connect there"
}
