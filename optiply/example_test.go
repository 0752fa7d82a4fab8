package optiply_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// A create whose connection breaks after it was applied: its outcome is unknown, so it is looked for and not repeated.
func ExampleClient_Create() {
	ctx := context.Background()
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		panic(err)
	}
	defer box.Close()
	base, dashboard, err := box.Start()
	if err != nil {
		panic(err)
	}
	client, err := optiply.NewClient(optiply.Config{
		BaseURL: base, DashboardURL: dashboard, ClientID: "shop", ClientSecret: "any", Username: "any", Password: "any",
		AccountID: 98, CouplingID: 4711,
	})
	if err != nil {
		panic(err)
	}
	box.AddFault(sandbox.Fault{Method: "POST", Effect: sandbox.ResetAfter})

	product := json.RawMessage(`{"remoteId":"1501","articleCode":"1501","name":"Oak stool","stockLevel":12}`)
	_, err = client.Create(ctx, optiply.Products, product)
	if e, ok := errors.AsType[*optiply.Error](err); ok && e.Unknown() {
		fmt.Println("outcome unknown, looking for it")
	}
	same := optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "articleCode", Value: "1501"}}}
	for found, err := range client.List(ctx, optiply.Products, same) {
		if err != nil {
			panic(err)
		}
		id, _ := found.RemoteID(4711)
		fmt.Println("found", found.ID, "with remote id", id)
	}
	fmt.Println("held by Optiply:", len(box.Products()))
	// Output:
	// outcome unknown, looking for it
	// found 20000001 with remote id 1501
	// held by Optiply: 1
}
