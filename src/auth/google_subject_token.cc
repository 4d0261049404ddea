#include "auth/google_subject_token.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "auth/google_fetchers.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "net/url.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxTokenBytes = 256 << 10;

// The format of the token in a file or response: plain text, or a member of a JSON object.
struct Format {
  std::string field;  // empty: plain text

  absl::StatusOr<std::string> Extract(const std::string& text) const {
    std::string token = text;
    if (!field.empty()) {
      const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (!object.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
      ASSIGN_OR_RETURN(token, TextMember(object, field.c_str()));
    }
    absl::StripAsciiWhitespace(&token);
    if (token.empty()) return absl::InvalidArgumentError("it is empty");
    return token;
  }
};

absl::StatusOr<Format> ParseFormat(const Json& source) {
  const auto format = source.find("format");
  if (format == source.end() || !format->is_object()) return Format();
  ASSIGN_OR_RETURN(const std::string type, TextMemberOr(*format, "type", "text"));
  if (type == "text") return Format();
  if (type != "json") {
    return absl::InvalidArgumentError("\"format\" is neither \"text\" nor \"json\"");
  }
  ASSIGN_OR_RETURN(std::string field, TextMember(*format, "subject_token_field_name"));
  return Format{std::move(field)};
}

// Read again each time, because its writer replaces it.
class FileSubjectToken : public SubjectToken {
 public:
  FileSubjectToken(std::string path, Format format)
      : path_(std::move(path)), format_(std::move(format)) {}
  absl::StatusOr<std::string> Get(HttpClient&, std::stop_token) override {
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path_, kMaxTokenBytes));
    absl::StatusOr<std::string> token = format_.Extract(text);
    if (!token.ok()) return Annotate(token.status(), StrCat("reading a token from ", path_));
    return token;
  }

 private:
  const std::string path_;
  const Format format_;
};

class UrlSubjectToken : public SubjectToken {
 public:
  UrlSubjectToken(HttpRequest request, std::string host, Format format)
      : request_(std::move(request)), host_(std::move(host)), format_(std::move(format)) {}
  absl::StatusOr<std::string> Get(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const std::string text, GetText(http, request_, std::move(stop)));
    absl::StatusOr<std::string> token = format_.Extract(text);
    if (!token.ok()) return Annotate(token.status(), StrCat("reading a token from ", host_));
    return token;
  }

 private:
  const HttpRequest request_;
  const std::string host_;
  const Format format_;
};

SubjectOr NewUrlSubjectToken(const Json& source, Format format) {
  HttpRequest request;
  ASSIGN_OR_RETURN(request.url, TextMember(source, "url"));
  absl::StatusOr<Url> url = ParseUrl(request.url);
  if (!url.ok()) return Annotate(url.status(), "\"url\"");
  if (const auto headers = source.find("headers"); headers != source.end()) {
    for (const auto& [name, value] : headers->items()) {
      if (!value.is_string()) return absl::InvalidArgumentError("\"headers\" are not all strings");
      request.headers.emplace_back(name, value.get<std::string>());
    }
  }
  return std::make_unique<UrlSubjectToken>(std::move(request), url->HostPort(), std::move(format));
}

}  // namespace

absl::StatusOr<std::string> GetText(HttpClient& http, const HttpRequest& request,
                                    std::stop_token stop) {
  HttpRequest bounded = request;
  bounded.timeout = absl::Seconds(30);
  bounded.max_response_bytes = kMaxTokenBytes;
  ASSIGN_OR_RETURN(HttpResponse reply, http.Send(bounded, std::move(stop)));
  if (reply.status == 200) return std::move(reply.body);
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  const std::string message = StrCat(url.HostPort(), " answered ", reply.status);
  return reply.status == 429 || reply.status >= 500 ? absl::UnavailableError(message)
                                                    : absl::UnauthenticatedError(message);
}

SubjectOr NewSubjectToken(const Json& source, const SubjectContext& context,
                          const GoogleAuthOptions& options) {
  if (!source.is_object()) {
    return absl::InvalidArgumentError("\"credential_source\" is missing or not an object");
  }
  ASSIGN_OR_RETURN(Format format, ParseFormat(source));
  if (source.contains("file")) {
    ASSIGN_OR_RETURN(std::string path, TextMember(source, "file"));
    return std::make_unique<FileSubjectToken>(std::move(path), std::move(format));
  }
  if (source.contains("environment_id")) return NewAwsSubjectToken(source, context, options);
  if (source.contains("url")) return NewUrlSubjectToken(source, std::move(format));
  if (source.contains("executable")) {
    return NewExecutableSubjectToken(source["executable"], context, options);
  }
  return absl::UnimplementedError(
      "\"credential_source\" contains no file, url, environment_id or executable; certificates are "
      "not supported");
}

}  // namespace millrace
