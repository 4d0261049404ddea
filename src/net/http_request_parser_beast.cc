#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "net/http_request_parser.h"

namespace millrace {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;

struct Slice {
  uint32_t begin = 0;
  uint32_t size = 0;
};

// The content of a request's head; all text is in one string.
struct Head {
  struct Field {
    Slice name;
    Slice value;
  };

  std::string_view View(Slice slice) const {
    return std::string_view(text).substr(slice.begin, slice.size);
  }
  Slice Keep(beast::string_view piece) {
    const Slice slice{static_cast<uint32_t>(text.size()), static_cast<uint32_t>(piece.size())};
    text.append(piece.data(), piece.size());
    return slice;
  }

  std::string text;
  std::vector<Field> fields;
  Slice method;
  Slice target;
  int http_minor = 1;
  int hosts = 0;  // headers of that name
  bool done = false;
};

// Whether a header is continued in a line that begins with a blank (RFC 9112, section 5.2), which
// not every server takes as a part of it.
bool HasFoldedLine(std::string_view lines) {
  for (size_t end = 0; (end = lines.find('\n', end)) != std::string_view::npos;) {
    ++end;
    if (end < lines.size() && (lines[end] == ' ' || lines[end] == '\t')) return true;
  }
  return false;
}

bool SameText(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

class Parser final : public http::basic_parser<true> {
 public:
  Parser(Head& head, size_t max_header_bytes, size_t max_body_bytes, size_t max_headers)
      : head_(head), max_header_bytes_(max_header_bytes), max_headers_(max_headers) {
    header_limit(static_cast<uint32_t>(max_header_bytes));
    body_limit(max_body_bytes);
  }

  ByteBuffer* body = nullptr;

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target,
                       int version, error_code&) override {
    head_.method = head_.Keep(method);
    for (char& c : head_.text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    head_.target = head_.Keep(target);
    head_.http_minor = version % 10;
  }
  void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                     error_code& ec) override {
    if (head_.done) return;  // trailers say nothing that is used
    if (field == http::field::host) ++head_.hosts;
    if (head_.text.size() + name.size() + value.size() > max_header_bytes_ ||
        head_.fields.size() == max_headers_) {
      ec = http::error::header_limit;
      return;
    }
    const Slice kept_name = head_.Keep(name);
    head_.fields.push_back({kept_name, head_.Keep(value)});
  }
  void on_header_impl(error_code&) override { head_.done = true; }
  size_t on_chunk_body_impl(uint64_t, beast::string_view piece, error_code&) override {
    body->Append({piece.data(), piece.size()});
    return piece.size();
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(beast::string_view piece, error_code&) override { return piece.size(); }
  void on_chunk_header_impl(uint64_t, beast::string_view, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  Head& head_;
  const size_t max_header_bytes_;
  const size_t max_headers_;
};

}  // namespace

class HttpRequestParser::Impl {
 public:
  Impl(size_t max_header_bytes, size_t max_body_bytes, size_t max_headers)
      : max_header_bytes(max_header_bytes),
        max_body_bytes(max_body_bytes),
        max_headers(max_headers) {}

  Result Put(std::string_view in, size_t* used) {
    error_code ec;
    const size_t n = parser->put({in.data() + *used, in.size() - *used}, ec);
    *used += n;
    if (!ec) return Result::kDone;
    if (ec == http::error::need_more) return Result::kNeedsMore;
    if (ec == http::error::body_limit) {
      return Refuse(413, StrCat("request exceeds max limit of ", max_body_bytes, " bytes"));
    }
    if (ec == http::error::header_limit) return Refuse(431, "request headers are too large");
    if (ec == http::error::bad_version) return Refuse(505, "only HTTP/1.0 and 1.1 are spoken");
    return Refuse(400, StrCat("malformed request: ", ec.message()));
  }
  Result Refuse(int status, std::string why) {
    refusal_status = status;
    refusal = std::move(why);
    return Result::kRefused;
  }

  const size_t max_header_bytes;
  const size_t max_body_bytes;
  const size_t max_headers;
  Head head;
  std::optional<Parser> parser;
  int refusal_status = 0;
  std::string refusal;
};

HttpRequestParser::HttpRequestParser(size_t max_header_bytes, size_t max_body_bytes,
                                     size_t max_headers)
    : impl_(std::make_unique<Impl>(max_header_bytes, max_body_bytes, max_headers)) {}
HttpRequestParser::~HttpRequestParser() = default;

void HttpRequestParser::Reset() {
  impl_->parser.reset();
  impl_->head.text.clear();
  impl_->head.fields.clear();
  impl_->head.method = {};
  impl_->head.target = {};
  impl_->head.http_minor = 1;
  impl_->head.hosts = 0;
  impl_->head.done = false;
}

HttpRequestParser::Result HttpRequestParser::ParseHead(std::string_view in, size_t* used) {
  *used = 0;
  if (!impl_->parser) {
    impl_->parser.emplace(impl_->head, impl_->max_header_bytes, impl_->max_body_bytes,
                          impl_->max_headers);
  }
  while (!impl_->parser->is_header_done()) {
    const size_t begin = *used;
    if (const Result result = impl_->Put(in, used); result != Result::kDone) return result;
    if (HasFoldedLine(in.substr(begin, *used - begin))) {
      return impl_->Refuse(400, "malformed request: a header is continued in the next line");
    }
  }
  const std::string encoding = JoinedHeader("transfer-encoding");
  if (!encoding.empty() && http_minor() == 0) {
    return impl_->Refuse(400, "malformed request: HTTP/1.0 has no transfer encodings");
  }
  if (!encoding.empty() && !SameText(encoding, "chunked")) {
    return impl_->Refuse(501, "transfer encodings other than chunked are not supported");
  }
  const int hosts = impl_->head.hosts;
  if (hosts > 1 || (hosts == 0 && http_minor() > 0)) {
    return impl_->Refuse(400, StrCat("malformed request: it has ",
                                     hosts == 0 ? "no" : "more than one", " Host header"));
  }
  return Result::kDone;
}

HttpRequestParser::Result HttpRequestParser::ParseChunks(std::string_view in, size_t* used,
                                                         ByteBuffer* body) {
  *used = 0;
  impl_->parser->body = body;
  while (!impl_->parser->is_done()) {
    if (*used == in.size()) return Result::kNeedsMore;
    const Result result = impl_->Put(in, used);
    if (result == Result::kNeedsMore && in.size() - *used > impl_->max_header_bytes) {
      return impl_->Refuse(400, "malformed request: a chunk's head or a trailer is too long");
    }
    if (result != Result::kDone) return result;
  }
  return Result::kDone;
}

int HttpRequestParser::refusal_status() const { return impl_->refusal_status; }
const std::string& HttpRequestParser::refusal() const { return impl_->refusal; }
bool HttpRequestParser::started() const { return impl_->parser.has_value(); }
bool HttpRequestParser::head_done() const { return impl_->head.done; }
std::string_view HttpRequestParser::method() const { return impl_->head.View(impl_->head.method); }
std::string_view HttpRequestParser::target() const { return impl_->head.View(impl_->head.target); }
int HttpRequestParser::http_minor() const { return impl_->head.http_minor; }
bool HttpRequestParser::keep_alive() const { return impl_->parser->keep_alive(); }
bool HttpRequestParser::chunked() const { return impl_->parser->chunked(); }

std::string_view HttpRequestParser::Header(std::string_view name) const {
  for (const Head::Field& field : impl_->head.fields) {
    if (SameText(impl_->head.View(field.name), name)) return impl_->head.View(field.value);
  }
  return {};
}

std::string HttpRequestParser::JoinedHeader(std::string_view name) const {
  std::string joined;
  for (const Head::Field& field : impl_->head.fields) {
    if (!SameText(impl_->head.View(field.name), name)) continue;
    if (!joined.empty()) joined += ", ";
    joined += impl_->head.View(field.value);
  }
  return joined;
}

uint64_t HttpRequestParser::content_length() const {
  const auto length = impl_->parser->content_length();
  return length ? *length : 0;
}

bool HttpRequestParser::expects_continue() const {
  return http_minor() > 0 && SameText(Header("expect"), "100-continue");
}

}  // namespace millrace
