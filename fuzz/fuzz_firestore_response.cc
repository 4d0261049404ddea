// Firestore's responses, of every kind that the ledger reads; a parsed one is written again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "connectors/firestore/intent_document.h"
#include "connectors/firestore/ledger_document.h"

using namespace millrace::firestore;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto found = ParseGetResponse(body); found.ok() && !found->documents.empty()) {
    const std::string again = WriteText("n", found->documents[0], Expect::kUnchanged);
    if (again.empty()) std::abort();
  }
  if (const auto page = ParseQueryResponse(body); page.ok() && !page->documents.empty()) {
    if (QueryBody("c", &page->documents.back(), 1).empty()) std::abort();
  }
  (void)ParseCommitResponse(body, 1);
  if (const auto found = ParseIntentResponse(body); found.ok() && found->document) {
    const std::string again = WriteText("n", *found->document, Expect::kUnchanged);
    if (again.empty()) std::abort();
  }
  (void)ParseIntentQueryResponse(body);
  if (ErrorOf(400, body).ok()) std::abort();
  return 0;
}
