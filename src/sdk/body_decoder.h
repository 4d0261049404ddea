// Every form in which Mixpanel's SDKs send records: JSON, NDJSON, forms with plain, escaped or
// base64 `data`, GET with `data`, gzip of any of them. The content decides, not the content type
// and not Content-Encoding: gzip is found by its first bytes, too. Base64 may contain CESU-8, as
// the browser SDK encodes emoji; the records are UTF-8.
#ifndef MILLRACE_SDK_BODY_DECODER_H_
#define MILLRACE_SDK_BODY_DECODER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "net/http_server.h"

namespace millrace::sdk {

// Parameters from the query and from a form body; SDKs use either.
class Params {
 public:
  // Ignores what comes after 1000 parameters.
  void AddForm(std::string_view form);
  void Add(std::string name, std::string value);
  // The first value of that name, or "".
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // True for a value that is neither "", "0" nor "false".
  bool Flag(std::string_view name) const;
  // "0" and "false" are false; `otherwise` if the parameter is absent.
  bool Flag(std::string_view name, bool otherwise) const;
  void erase(std::string_view name);
  // Get() and erase() of all values.
  std::string Take(std::string_view name);

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

struct DecodedBody {
  Params params;
  // JSON or NDJSON, in the request's body or in the scratch buffer; kPadding readable bytes follow.
  std::string_view records;
  size_t plain_bytes = 0;  // of the body, decompressed
  bool is_form = false;    // the records were the value of `data`
};

// ResourceExhausted: more than `most` bytes after decompression. InvalidArgument: damaged gzip,
// another Content-Encoding, neither JSON nor a form with `data`, bad base64. An empty body has
// empty records.
absl::StatusOr<DecodedBody> DecodeBody(const ServerRequest& request, size_t max,
                                       ByteBuffer* scratch);

// `text` with each CESU-8 surrogate pair replaced by the four bytes of UTF-8 that it means, and
// each lone surrogate by U+FFFD.
std::string FromCesu8(std::string text);

// Base64 with or without padding, in the standard or the URL-safe alphabet, with spaces for '+'.
// InvalidArgument if it is not base64.
absl::StatusOr<std::string> DecodeAnyBase64(std::string_view text);

}  // namespace millrace::sdk

#endif  // MILLRACE_SDK_BODY_DECODER_H_
