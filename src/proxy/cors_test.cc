#include "proxy/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace millrace::proxy {
namespace {

using ::testing::IsEmpty;

Cors MakeCors(const std::vector<std::string>& origins = {}) {
  absl::StatusOr<Cors> cors = Cors::Make(origins);
  EXPECT_TRUE(cors.ok()) << cors.status();
  return *std::move(cors);
}

ServerRequest RequestWith(const std::map<std::string, std::string>& headers) {
  ServerRequest request;
  request.header = [headers](std::string_view name) -> std::string_view {
    static thread_local std::string value;
    const auto found = headers.find(std::string(name));
    value = found == headers.end() ? "" : found->second;
    return value;
  };
  return request;
}

std::string HeaderOf(const ServerResponse& reply, std::string_view name) {
  std::string all;
  for (const auto& [header, value] : reply.headers) {
    if (header == name) all += all.empty() ? value : " AND " + value;
  }
  return all;
}

TEST(Cors, NamesTheOriginThatMayReadTheResponse) {
  struct Case {
    std::vector<std::string> allowed;
    std::string origin, expected;
  };
  const std::vector<std::string> list = {"https://a.example/shop", "http://localhost:3000"};
  for (const auto& [allowed, origin, expected] :
       {Case{{}, "https://a.example", "https://a.example"}, Case{{}, "null", "null"},
        Case{{}, "http://127.0.0.1:8080", "http://127.0.0.1:8080"}, Case{{}, "*", "null"},
        Case{{}, "a b", "null"}, Case{list, "https://a.example", "https://a.example"},
        Case{list, "HTTPS://A.example", "HTTPS://A.example"},
        Case{list, "http://localhost:3000", "http://localhost:3000"},
        Case{list, "https://b.example", "https://a.example"},
        Case{list, "https://a.example.evil", "https://a.example"},
        Case{list, "http://a.example", "https://a.example"},
        Case{list, "null", "https://a.example"}}) {
    ServerResponse reply;
    MakeCors(allowed).AddHeaders(RequestWith({{"origin", origin}}), &reply);
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), expected) << origin;
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Credentials"), "true");
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Expose-Headers"), "Retry-After");
    EXPECT_EQ(HeaderOf(reply, "Vary"), "Origin");
  }
}

TEST(Cors, AddsNothingForOtherClients) {
  ServerResponse reply;
  MakeCors().AddHeaders(RequestWith({}), &reply);
  EXPECT_THAT(reply.headers, IsEmpty());
}

TEST(Cors, AllowsWhatAPageWantsToSend) {
  const ServerResponse reply = MakeCors().Preflight(RequestWith(
      {{"origin", "https://a.example"},
       {"access-control-request-headers", "content-type,x-custom, bad\"header,AUTHORIZATION"}}));
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Headers"),
            "Authorization, Content-Type, traceparent, x-custom");
  const ServerResponse huge = MakeCors().Preflight(
      RequestWith({{"origin", "https://a.example"},
                   {"access-control-request-headers", std::string(2000, 'x')}}));
  EXPECT_EQ(HeaderOf(huge, "Access-Control-Allow-Headers"),
            "Authorization, Content-Type, traceparent");
}

TEST(Cors, RefusesWhatIsNoOrigin) {
  for (const char* text : {"*", "", "example.com", "https://", "https://*.example.com", "://x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Cors::Make({text}).status())) << text;
  }
}

}  // namespace
}  // namespace millrace::proxy
