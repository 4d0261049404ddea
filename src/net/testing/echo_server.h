// A server of tests that says what it was asked.
#ifndef MILLRACE_NET_TESTING_ECHO_SERVER_H_
#define MILLRACE_NET_TESTING_ECHO_SERVER_H_

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "base/strings.h"
#include "net/http_server.h"

namespace millrace {

// Answers with what it saw: "METHOD path?query body".
inline ServerResponse Echo(const ServerRequest& request) {
  ServerResponse reply;
  reply.content_type = "text/plain";
  reply.body = StrCat(request.method, " ", request.path, "?", request.query, " ", request.body);
  return reply;
}

inline std::unique_ptr<HttpServer> MustStart(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::Start(options, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

}  // namespace millrace

#endif  // MILLRACE_NET_TESTING_ECHO_SERVER_H_
