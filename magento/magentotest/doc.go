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
// shop.json names the shop: {"name", "now", "access_token", "default_store_code"}. "now" is the instant of the Date
// header; without it the real clock is used. Every other file is a stream, one record a line, `<stream>.ndjson`, or
// `<stream>.ndjson.zst` compressed with zstd. A file that is missing is an empty stream. The streams and their keys are in
// stream.go. Three of them are not Magento's own lists:
//
//   - stock_statuses: {"sku", "answer", "store_code"}: what /V1/stockStatuses/{sku} answers, for one store code or for all.
//   - source_items carry "source_item_id", which sorts and filters and is never shown, as in Magento.
//   - store_values: {"store_code", "id", "name": ...}: a product's attributes in one store view, where they differ.
//
// # Faithfulness
//
// Facts marked [obs] in comments were seen on a running Magento 2.4.6-p11 and recorded; the recordings that the tests
// compare with are in testdata/recorded.ndjson.zst (`zstdcat` shows them). [src] was read in Magento's source, [inf] is
// inferred. What a real shop leaves undefined, such as the order of rows without a sort order, is by id here.
package magentotest
