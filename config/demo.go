package config

import _ "embed"

//go:embed demo.yaml
var demoYAML []byte

//go:embed example.yaml
var exampleYAML []byte

// Example is a complete commented configuration file, every setting with its
// default.
func Example() string { return string(exampleYAML) }

// Demo is the configuration for a fixture set when there is no file: the sandbox
// as Optiply, no waiting. The address of the shop is for the caller to set.
func Demo() *Config {
	c, err := Parse(demoYAML, "demo.yaml", Options{NoMagento: true})
	if err != nil {
		panic(err) // demo.yaml is part of the program, and a test parses it
	}
	return c
}
