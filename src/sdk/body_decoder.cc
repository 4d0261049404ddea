#include "sdk/body_decoder.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/status.h"
#include "base/strings.h"
#include "io/decompress.h"

namespace millrace::sdk {
namespace {

// A name takes a hundred times its bytes in memory, and 10 MB have millions of them.
constexpr size_t kMaxParams = 1000;

bool LooksLikeJson(std::string_view text) { return text.starts_with('[') || text.starts_with('{'); }

constexpr std::array<int8_t, 256> kBase64Values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
  }
  values['-'] = values['+'];
  values['_'] = values['/'];
  values[' '] = values['+'];
  return values;
}();

// The plain body, in `request` or in `scratch`.
absl::StatusOr<std::string_view> PlainBody(const ServerRequest& request, size_t max,
                                           ByteBuffer* scratch) {
  constexpr std::string_view kGzipMagic("\x1f\x8b\x08");
  std::string_view encoding = request.header("content-encoding");
  if (request.body.starts_with(kGzipMagic)) encoding = "gzip";
  if (encoding.empty() || encoding == "identity") {
    if (request.body.size() > max) return absl::ResourceExhaustedError("the body is too large");
    return request.body;
  }
  if (encoding != "gzip" && encoding != "GZIP" && encoding != "x-gzip") {
    return absl::InvalidArgumentError(StrCat("Content-Encoding ", encoding, " is not supported"));
  }
  if (request.body.empty()) return request.body;
  scratch->clear();
  const absl::Status status = GunzipTo(request.body, max, scratch);
  if (absl::IsResourceExhausted(status)) return status;
  if (!status.ok()) return absl::InvalidArgumentError(status.message());
  return scratch->view();
}

// The surrogate in three bytes of CESU-8; 0 for other bytes.
uint32_t SurrogateAt(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (at + 3 > text.size() || byte(0) != 0xED || (byte(1) & 0xE0) != 0xA0 ||
      (byte(2) & 0xC0) != 0x80) {
    return 0;
  }
  return 0xD000u | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
}

// Records that were the value of `data`, moved to `scratch` for its padding.
absl::StatusOr<std::string_view> DecodeData(std::string_view data, ByteBuffer* scratch) {
  const std::string_view text = TrimBlanks(data);
  std::string decoded;
  if (!LooksLikeJson(text)) {
    ASSIGN_OR_RETURN(decoded, DecodeAnyBase64(text));
    decoded = FromCesu8(std::move(decoded));
    if (!LooksLikeJson(TrimBlanks(decoded))) {
      return absl::InvalidArgumentError("data is neither JSON nor base64 of JSON");
    }
  }
  const std::string_view json = decoded.empty() ? text : std::string_view(decoded);
  scratch->clear();
  scratch->Append(json);
  return scratch->view();
}

}  // namespace

// mixpanel-js encodes characters beyond U+FFFF as CESU-8 before it encodes base64
// (mixpanel-js#385).
std::string FromCesu8(std::string text) {
  if (std::find(text.begin(), text.end(), '\xED') == text.end()) return text;
  std::string utf8;
  utf8.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const uint32_t high = SurrogateAt(text, i);
    if (high == 0) {
      utf8 += text[i++];
      continue;
    }
    const uint32_t low = SurrogateAt(text, i + 3);
    const bool is_pair = high < 0xDC00 && low >= 0xDC00;
    i += is_pair ? 6 : 3;
    if (!is_pair) {
      utf8 += "\xEF\xBF\xBD";
      continue;
    }
    const uint32_t code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    utf8 += static_cast<char>(0xF0 | code >> 18);
    utf8 += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    utf8 += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    utf8 += static_cast<char>(0x80 | (code & 0x3F));
  }
  return utf8;
}

void Params::AddForm(std::string_view form) {
  size_t end = 0;
  for (size_t n = pairs_.size(); n < kMaxParams && end != form.npos; ++n) {
    end = form.find('&', end);
    if (end != form.npos) ++end;
  }
  auto added = ParseForm(form.substr(0, end));
  if (pairs_.empty()) {
    pairs_ = std::move(added);
  } else {
    std::move(added.begin(), added.end(), std::back_inserter(pairs_));
  }
}

void Params::Add(std::string name, std::string value) {
  pairs_.emplace_back(std::move(name), std::move(value));
}

bool Params::Has(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return true;
  }
  return false;
}

std::string_view Params::Get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

bool Params::Flag(std::string_view name) const { return !Get(name).empty() && Flag(name, false); }

bool Params::Flag(std::string_view name, bool otherwise) const {
  if (!Has(name)) return otherwise;
  const std::string_view value = Get(name);
  return value != "0" && value != "false";
}

void Params::erase(std::string_view name) {
  std::erase_if(pairs_, [name](const auto& pair) { return pair.first == name; });
}

std::string Params::Take(std::string_view name) {
  std::string value;
  const auto found = std::find_if(pairs_.begin(), pairs_.end(),
                                  [name](const auto& pair) { return pair.first == name; });
  if (found != pairs_.end()) value = std::move(found->second);
  erase(name);
  return value;
}

absl::StatusOr<std::string> DecodeAnyBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return absl::InvalidArgumentError("data is not valid base64");
  std::string decoded(text.size() / 4 * 3 + 3, '\0');
  char* out = decoded.data();
  const auto value_at = [text](size_t i) -> int {
    return kBase64Values[static_cast<unsigned char>(text[i])];
  };
  size_t i = 0;
  int wrong = 0;  // negative if one of the values is
  for (; i + 4 <= text.size(); i += 4) {
    const int a = value_at(i), b = value_at(i + 1), c = value_at(i + 2), d = value_at(i + 3);
    wrong |= a | b | c | d;
    const uint32_t bits = static_cast<uint32_t>(a) << 18 | static_cast<uint32_t>(b) << 12 |
                          static_cast<uint32_t>(c) << 6 | static_cast<uint32_t>(d);
    *out++ = static_cast<char>(bits >> 16);
    *out++ = static_cast<char>(bits >> 8);
    *out++ = static_cast<char>(bits);
  }
  uint32_t bits = 0;
  const size_t rest = text.size() - i;  // 0, 2 or 3
  for (; i < text.size(); ++i) {
    wrong |= value_at(i);
    bits = bits << 6 | static_cast<uint32_t>(value_at(i));
  }
  if (wrong < 0) return absl::InvalidArgumentError("data is not valid base64");
  if (rest == 2) *out++ = static_cast<char>(bits >> 4);
  if (rest == 3) {
    *out++ = static_cast<char>(bits >> 10);
    *out++ = static_cast<char>(bits >> 2);
  }
  decoded.resize(static_cast<size_t>(out - decoded.data()));
  return decoded;
}

absl::StatusOr<DecodedBody> DecodeBody(const ServerRequest& request, size_t max,
                                       ByteBuffer* scratch) {
  DecodedBody decoded;
  decoded.params.AddForm(request.query);
  ASSIGN_OR_RETURN(const std::string_view body, PlainBody(request, max, scratch));
  decoded.plain_bytes = body.size();
  if (const std::string_view text = TrimBlanks(body); LooksLikeJson(text)) {
    decoded.records = text;
    return decoded;
  }
  decoded.params.AddForm(body);
  if (!decoded.params.Has("data")) {
    if (TrimBlanks(body).empty()) return decoded;
    return absl::InvalidArgumentError("the body is neither JSON nor a form with data");
  }
  decoded.is_form = true;
  const std::string data = decoded.params.Take("data");
  if (TrimBlanks(data).empty()) return decoded;
  ASSIGN_OR_RETURN(decoded.records, DecodeData(data, scratch));
  return decoded;
}

}  // namespace millrace::sdk
