package config

import "strings"

// validate checks what no setting can say alone: what is missing, and what does
// not fit together. What is known to be wrong is not called missing as well.
func (r *reader) validate(c *Config, options Options) {
	if options.Fleet {
		r.required("fleet.database", c.Fleet.Database, "sqlite:PATH for one machine, postgres://... for several")
		return
	}
	if c.Shop == "" {
		r.missing("shop", "it names the shop's folder")
	}
	if !options.NoMagento {
		if c.Magento.StoreURL == "" {
			r.missing("magento.store_url", "")
		}
		r.signIn(&c.Magento)
	}
	if !c.Magento.EndDate.IsZero() && !c.Magento.EndDate.After(c.Magento.StartDate) && !r.failed("magento.start_date") {
		r.problem("magento.end_date", "magento.end_date must be later than magento.start_date")
	}
	r.optiply(&c.Optiply, options.NoOptiply)
}

// signIn asks for exactly what the chosen way to sign in needs.
func (r *reader) signIn(m *Magento) {
	switch {
	case m.UseOAuth:
		const why = "use_oauth is true"
		r.required("magento.consumer_key", m.ConsumerKey, why)
		r.required("magento.consumer_secret", m.ConsumerSecret, why)
		r.required("magento.access_token", m.AccessToken, why)
		r.required("magento.access_token_secret", m.AccessTokenSecret, why)
	case r.failed("magento.use_oauth") || m.SignIn() != "" && (m.Username == "") == (m.Password == ""):
	case m.Username != "":
		r.missing("magento.password", "username is set")
	case m.Password != "":
		r.missing("magento.username", "password is set")
	case !r.failed("magento.access_token") && !r.failed("magento.username") && !r.failed("magento.password"):
		r.problem("magento.access_token", "magento has no sign-in: set access_token, or username and password, "+
			"or use_oauth with consumer_key, consumer_secret, access_token and access_token_secret")
	}
}

func (r *reader) optiply(o *Optiply, needless bool) {
	switch {
	case r.failed("optiply.base_url"):
		return
	case o.Sandbox():
		if o.AccountID == 0 {
			o.AccountID = sandboxAccountID
		}
		if o.CouplingID == 0 {
			o.CouplingID = sandboxCouplingID
		}
		return
	case needless:
		return
	}
	r.required("optiply.client_id", o.ClientID, "")
	r.required("optiply.client_secret", o.ClientSecret, "")
	r.required("optiply.username", o.Username, "")
	r.required("optiply.password", o.Password, "")
	if o.AccountID == 0 {
		r.missing("optiply.account_id", "")
	}
	if o.CouplingID == 0 {
		r.missing("optiply.coupling_id", "without it Optiply keeps no remote ids")
	}
}

func (r *reader) required(setting string, value Secret, why string) {
	if value == "" {
		r.missing(setting, why)
	}
}

func (r *reader) missing(setting, why string) {
	if r.failed(setting) {
		return
	}
	message := setting + " is missing"
	if r.written[setting] != nil {
		message = setting + " is empty"
	}
	if why != "" {
		message += ": " + why
	}
	r.problem(setting, message)
}

// problem is at the setting's value, if it is in the file.
func (r *reader) problem(setting, message string) {
	if r.failed(setting) {
		return
	}
	p := Problem{Setting: setting, Message: message}
	if node := r.written[setting]; node != nil {
		p.Line, p.Column = place(node.GetToken())
	}
	r.problems = append(r.problems, p)
}

// needless tells whether a setting may be missing although the file asks for it
// from a variable or a file: the sandbox needs no account, fixtures no shop.
func needless(c *Config, setting string, options Options) bool {
	section, key, _ := strings.Cut(setting, ".")
	if (section == "fleet") != options.Fleet {
		return true
	}
	key, _, _ = strings.Cut(key, ".") // magento.custom_cookies.NAME
	switch section {
	case "magento":
		switch key {
		case "store_url", "access_token", "username", "password", "consumer_key", "consumer_secret",
			"access_token_secret", "custom_cookies":
			return options.NoMagento
		}
	case "optiply":
		switch key {
		case "client_id", "client_secret", "username", "password", "account_id", "coupling_id":
			return options.NoOptiply || c.Optiply.Sandbox()
		}
	}
	return false
}
