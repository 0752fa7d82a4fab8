// Package magento is a client for Magento 2's REST API, for reading.
//
// It has two layers. Get builds a request from a path relative to the shop's
// API, sends it (signed anew on each attempt, within the shop's politeness
// budget, with retries) and returns the body as the shop sent it. Criteria,
// Keyset, Narrow, PageNumber, Dated and ReadPage are values that say what to
// ask for and what an answer means for the next question; they know nothing of
// HTTP.
//
// Every failure is an *Error whose Kind says whether to try again and whose
// Hint says what a person should do. Facts about Magento in the comments of
// this package were recorded from Magento Open Source 2.4.6-p11 and 2.4.7-p6,
// unless they name another source.
//
// The package writes no log, reads no environment and knows no database.
package magento
