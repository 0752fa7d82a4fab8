package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/politeness"
	"magento-optiply/store"
	"magento-optiply/traffic"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// userAgent names us to both servers, unless the configuration has another name.
func (a *app) userAgent() string { return "magento-optiply/" + a.env.Version }

// openMagento makes the client of the shop. With fixtures, the recorded shop is served on this machine and read over HTTP
// like any other. done stops that server.
func (a *app) openMagento(cfg *config.Config, fixtures string, count *extract.RequestCount) (client *magento.Client, done func(), err error) {
	m := cfg.Magento
	auth, done := magentoAuth(m), func() {}
	if fixtures != "" {
		server, shop, err := startFixtures(fixtures)
		if err != nil {
			return nil, nil, err
		}
		m.StoreURL, auth = server.url, magento.Bearer(shop.AccessToken)
		done = func() { _ = server.Close() }
	}
	client, err = magento.NewClient(a.magentoConfig(m, auth, func(info magento.RequestInfo) {
		count.Count(info)
		a.asked.count(info.Attempt > 1)
		a.meter.Count(traffic.Request{Server: traffic.Magento, Endpoint: info.Endpoint, Status: info.Status, Retry: info.Attempt > 1,
			Duration: info.Duration, Waited: info.Waited, Bytes: info.Bytes})
		if info.Attempt > 1 || info.Kind != "" {
			a.log.Debug("request", "endpoint", info.Endpoint, "status", info.Status, "kind", info.Kind, "attempt", info.Attempt, "ms", info.Duration.Milliseconds())
		}
	}))
	if err != nil {
		done()
		return nil, nil, usageError(err)
	}
	a.meter.Watch(traffic.Magento, func() traffic.Limits { return limitsOf(client.Politeness()) })
	return client, done, nil
}

// magentoConfig is what the settings make of a client.
func (a *app) magentoConfig(m config.Magento, auth magento.Auth, onRequest func(magento.RequestInfo)) magento.Config {
	agent := m.UserAgent
	if agent == "" {
		agent = a.userAgent()
	}
	cookies := map[string]string{}
	for name, value := range m.CustomCookies {
		cookies[name] = value.Reveal()
	}
	retries := m.Retries
	if retries == 0 {
		retries = -1 // 0 means none in the configuration, and the default in the client
	}
	return magento.Config{
		StoreURL: m.StoreURL, StoreCode: m.StoreCode, Auth: auth, UserAgent: agent, Cookies: cookies,
		Concurrency: m.Concurrency, RequestsPerSecond: m.RequestsPerSecond, Retries: retries, RetryWait: m.RetryWait,
		StallTimeout: m.StallTimeout, Timeout: m.AnswerTimeout, Now: a.env.Now, OnRequest: onRequest,
	}
}

func limitsOf(s politeness.Status) traffic.Limits {
	return traffic.Limits{Concurrency: s.Concurrency, PerSecond: s.PerSecond}
}

func magentoAuth(m config.Magento) magento.Auth {
	switch m.SignIn() {
	case config.SignInOAuth:
		return magento.OAuth1(m.ConsumerKey.Reveal(), m.ConsumerSecret.Reveal(), m.AccessToken.Reveal(), m.AccessTokenSecret.Reveal())
	case config.SignInPassword:
		return magento.AdminUser(m.Username.Reveal(), m.Password.Reveal())
	}
	return magento.Bearer(m.AccessToken.Reveal())
}

type fixtureServer struct {
	*magentotest.Server
	url string
}

// startFixtures serves a fixture set on a free port of this machine.
func startFixtures(dir string) (*fixtureServer, *magentotest.Shop, error) {
	shop, err := readFixtures(dir)
	if err != nil {
		return nil, nil, err
	}
	server := magentotest.New(shop, magentotest.Options{})
	url, err := server.Start()
	if err != nil {
		return nil, nil, fmt.Errorf("serve the fixtures: %w", err)
	}
	return &fixtureServer{server, url}, shop, nil
}

func readFixtures(dir string) (*magentotest.Shop, error) {
	shop, err := magentotest.Load(os.DirFS(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError(fmt.Errorf("--fixtures %s: no fixture set there (a folder with shop.json and one .ndjson file a stream): %w", dir, err))
	}
	if err != nil {
		return nil, usageError(fmt.Errorf("--fixtures %s: %w", dir, err))
	}
	return shop, nil
}

func (a *app) optiplyConfig(o config.Optiply) optiply.Config {
	return optiply.Config{
		BaseURL: o.BaseURL, DashboardURL: o.DashboardURL,
		ClientID: o.ClientID.Reveal(), ClientSecret: o.ClientSecret.Reveal(), Username: o.Username.Reveal(), Password: o.Password.Reveal(),
		AccountID: o.AccountID, CouplingID: o.CouplingID, Concurrency: o.Concurrency, RequestsPerSecond: o.RequestsPerSecond,
		UserAgent: a.userAgent(), Now: a.env.Now,
	}
}

// openOptiply makes the client of Optiply, or of the sandbox, which is then served on this machine and keeps its state in
// the shop's folder. It signs in at once, so that wrong credentials show before hours of reading.
func (a *app) openOptiply(ctx context.Context, cfg *config.Config, shop *store.Shop) (client *optiply.Client, done func(), err error) {
	o := cfg.Optiply
	done = func() {}
	c := a.optiplyConfig(o)
	c.Transport = a.leash.guard(nil)
	c.OnRequest = func(info optiply.RequestInfo) {
		a.asked.count(info.Retry)
		if info.Retry || info.Status == 0 || info.Status >= 400 {
			a.log.Debug("request", "endpoint", info.Endpoint, "status", info.Status, "retry", info.Retry, "ms", info.Duration.Milliseconds())
		}
		a.meter.Count(traffic.Request{Server: traffic.Optiply, Endpoint: info.Endpoint, Status: info.Status, Retry: info.Retry,
			Duration: info.Duration, Waited: info.Waited, Bytes: info.Bytes})
	}
	if o.Sandbox() {
		box, err := sandbox.Open(sandbox.Options{Dir: shop.SandboxDir(), Now: a.env.Now})
		if err != nil {
			return nil, nil, err
		}
		done = func() { _ = box.Close() }
		if c.BaseURL, c.DashboardURL, err = box.Start(); err != nil {
			done()
			return nil, nil, err
		}
		c.ClientID, c.ClientSecret, c.Username, c.Password = "sandbox", "sandbox", "sandbox", "sandbox"
		if notice := box.Notice(); notice != "" {
			a.log.Warn("sandbox: " + notice)
		}
	}
	client, err = optiply.NewClient(c)
	if err == nil {
		a.meter.Watch(traffic.Optiply, func() traffic.Limits { return limitsOf(client.Politeness()) })
		err = client.Authenticate(ctx)
	} else {
		err = usageError(err)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return client, done, nil
}

// server listens and serves until the context ends.
func listenAndServe(ctx context.Context, address string, handler http.Handler, ready func(url string)) error {
	listener, err := listen(address)
	if err != nil {
		return usageError(fmt.Errorf("--listen %s: %w", address, err))
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	ready("http://" + listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
