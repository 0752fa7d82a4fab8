// Package magentotest is a server that speaks the REST dialect of Magento 2.4.6 over a fixture set: a folder with a
// recorded shop. It serves tests, `run --fixtures DIR`, and people who want to try the program without a shop.
//
//	shop, err := magentotest.Load(os.DirFS("fixtures/demo/night-1"))
//	...
//	server := magentotest.New(shop, magentotest.Options{})
//	baseURL, err := server.Start()
//	...
//	defer server.Close()
//
// The ordinary client is then pointed at baseURL with the shop's AccessToken.
//
// # Fixture sets
//
// shop.json names the shop: {"name", "now", "access_token", "default_store_code", "oauth"}. "now" is the instant of the Date
// header; without it the real clock is used. "oauth" are the four keys of an integration that signs its requests. Of a night
// that was recorded there can be "broken", "hidden" and "uncounted" too: see Recorded. Every other .ndjson file is a stream,
// one record a line, `<stream>.ndjson`, or `<stream>.ndjson.zst` compressed with zstd. A file that is missing
// is an empty stream; files of other kinds, and folders, are not looked at. The streams and their keys are in stream.go. Some
// of them are not Magento's own lists, or may be left out:
//
//   - stock_statuses: {"sku", "answer", "store_code"}: what /V1/stockStatuses/{sku} answers, for one store code or for all.
//   - salable: {"website", "sku", "qty", "is_salable"}: the bulk listing of salable quantities. Without it they are derived from
//     the stock statuses and the source items; see salableOf.
//   - stocks and stock_source_links: which website sells from which sources. Without them they are derived; see inventory.
//   - source_items carry "source_item_id", which sorts and filters and is never shown, as in Magento.
//   - store_values: {"store_code", "id", "name": ...}: a product's attributes in one store view, where they differ.
//
// # Generated shops
//
// Generate makes a shop of any size from a seed, without holding it in memory. It is served, changed and broken as any other.
//
// # Signing in
//
// An integration's token as a bearer token, OAuth 1.0a with signatures and nonces that are verified, and tokens of
// administrators: see OAuth, Admin and Options.
//
// # Faults
//
// AddFault breaks answers, poisons or hides records, and changes the shop between two requests: see Fault.
//
// # Faithfulness
//
// Facts marked [obs] in comments were seen on a running Magento 2.4.6-p11 and recorded; the recordings that the tests
// compare with are in testdata/recorded*.ndjson.zst (`zstdcat` shows them). [src] was read in Magento's source, [inf] is
// inferred. What a real shop leaves undefined, such as the order of rows without a sort order, is by id here.
package magentotest
