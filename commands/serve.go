package commands

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
)

func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

// serveCommand offers the two servers that come with the program, for trying things and for tests in other languages.
func (a *app) serveCommand() *cli.Command {
	address := &cli.StringFlag{Name: "listen", Value: "127.0.0.1:0", Usage: "`ADDRESS` to listen on; port 0 takes a free one"}
	return &cli.Command{
		Name:  "serve",
		Usage: "serve a fixture set as a Magento shop, or the sandbox as Optiply, until Ctrl-C",
		Subcommands: []*cli.Command{
			{
				Name: "shop", Usage: "a fixture set, in Magento's dialect; prints the address",
				Flags: []cli.Flag{&cli.StringFlag{Name: "fixtures", Required: true, Usage: "`DIR` of the fixture set"}, address},
				Action: func(c *cli.Context) error {
					shop, err := readFixtures(c.String("fixtures"))
					if err != nil {
						return err
					}
					return listenAndServe(c.Context, c.String("listen"), magentotest.New(shop, magentotest.Options{}), func(url string) {
						fmt.Fprintln(a.env.Stdout, url)
					})
				},
			},
			{
				Name: "sandbox", Usage: "the sandbox in Optiply's dialect; prints its API and its token address",
				Flags: []cli.Flag{&cli.StringFlag{Name: "dir", Usage: "`DIR` of its state; default the shop's of the configuration"}, address},
				Action: func(c *cli.Context) error {
					dir := c.String("dir")
					if dir == "" {
						cfg, err := a.loadConfig(needs{})
						if err != nil {
							return err
						}
						dir = filepath.Join(cfg.DataDir, cfg.Shop, "sandbox")
					}
					box, err := sandbox.Open(sandbox.Options{Dir: dir, Now: a.env.Now})
					if err != nil {
						return err
					}
					defer box.Close()
					return listenAndServe(c.Context, c.String("listen"), box, func(url string) {
						fmt.Fprintf(a.env.Stdout, "%s/v1\n%s/api\n", url, url)
					})
				},
			},
		},
	}
}
