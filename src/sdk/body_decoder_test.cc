#include "sdk/body_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "io/gzip_encoder.h"
#include "net/url.h"

namespace millrace::sdk {
namespace {

using ::testing::IsEmpty;

constexpr std::string_view kJson = R"([{"event":"é?>","properties":{}}])";

std::string Base64(std::string_view text) { return absl::Base64Escape(ToAbsl(text)); }

struct Decoding {
  absl::StatusOr<DecodedBody> Run(std::string_view text, std::string_view encoding = "",
                                  std::string_view query = "", size_t max = 1000) {
    body.clear();
    body.Append(text);
    ServerRequest request;
    request.method = "POST";
    request.body = body.view();
    request.query = query;
    request.header = [encoding](std::string_view name) {
      return name == "content-encoding" ? encoding : std::string_view();
    };
    return DecodeBody(request, max, &scratch);
  }
  ByteBuffer body;
  ByteBuffer scratch;
};

std::string Gzip(std::string_view plain) {
  ByteBuffer out;
  GzipEncoder().Encode(plain, &out);
  return std::string(out.view());
}

TEST(DecodeBody, TakesEveryForm) {
  const std::string base64 = Base64(kJson);
  std::string url_safe = base64;
  for (char& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  std::string unpadded = base64;
  while (unpadded.ends_with('=')) unpadded.pop_back();
  Decoding decoding;
  for (const std::string& form :
       {std::string(kJson), " \n" + std::string(kJson) + " ", "data=" + UrlEncode(kJson),
        "data=" + base64, "data=" + UrlEncode(base64), "data=" + url_safe, "data=" + unpadded,
        "verbose=1&data=" + UrlEncode(base64) + "&ip=0"}) {
    for (const bool zipped : {false, true}) {
      const auto decoded = decoding.Run(zipped ? Gzip(form) : form, zipped ? "gzip" : "");
      ASSERT_TRUE(decoded.ok()) << decoded.status() << " " << form;
      EXPECT_EQ(decoded->records, kJson) << form;
      EXPECT_EQ(decoded->plain_bytes, form.size());
    }
  }
  const auto get = decoding.Run("", "", "data=" + UrlEncode(base64));
  ASSERT_TRUE(get.ok());
  EXPECT_EQ(get->records, kJson);
}

TEST(DecodeBody, FindsParametersInQueryAndBody) {
  Decoding decoding;
  const auto decoded = decoding.Run("data=e30&verbose=1&ip=0", "", "strict=1&verbose=0");
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->records, "{}");
  EXPECT_TRUE(decoded->params.Flag("strict"));
  EXPECT_FALSE(decoded->params.Flag("verbose"));  // the query comes first
  EXPECT_FALSE(decoded->params.Flag("ip"));
  EXPECT_TRUE(decoded->params.Flag("absent", true));
  EXPECT_FALSE(decoded->params.Flag("absent"));
  EXPECT_FALSE(decoded->params.Has("data"));
}

TEST(DecodeBody, BoundsParametersOfQueryAndBodyTogether) {
  Decoding decoding;
  const auto pairs = [](int first, int end) {
    std::string form;
    for (int i = first; i < end; ++i) StrAppend(&form, i > first ? "&" : "", "p", i, "=", i);
    return form;
  };
  for (const auto& [query, body] :
       {std::pair(pairs(0, 1500), std::string()), std::pair(std::string(), pairs(0, 1500)),
        std::pair(pairs(0, 600), pairs(600, 1500))}) {
    Params params;
    params.AddForm(query);
    params.AddForm(body);
    EXPECT_EQ(params.Get("p0"), "0");
    EXPECT_EQ(params.Get("p999"), "999");
    EXPECT_FALSE(params.Has("p1000"));
    EXPECT_FALSE(params.Has("p1499"));
  }
  constexpr size_t kMax = 100'000;
  EXPECT_TRUE(decoding.Run(StrCat(pairs(1, 1000), "&data=e30"), "", "", kMax).ok());
  EXPECT_FALSE(decoding.Run(StrCat(pairs(0, 1000), "&data=e30"), "", "", kMax).ok());
  EXPECT_FALSE(decoding.Run("data=e30", "", pairs(0, 1000), kMax).ok());
}

TEST(DecodeBody, EmptyBodiesHaveNoRecords) {
  Decoding decoding;
  for (std::string_view body : {"", "  \n", "data=", "data=%20"}) {
    const auto decoded = decoding.Run(body);
    ASSERT_TRUE(decoded.ok()) << body;
    EXPECT_THAT(decoded->records, IsEmpty());
  }
}

TEST(DecodeBody, Base64MayHoldSurrogatePairsAsCesu8) {
  struct Case {
    std::string_view sent, read;
  };
  for (const auto& [sent, read] : {
           Case{"\xED\xA0\xBD\xED\xB8\x80", "\xF0\x9F\x98\x80"},
           Case{"\xED\xAF\xBF\xED\xBF\xBF", "\xF4\x8F\xBF\xBF"},                    // U+10FFFF
           Case{"\xF0\x9F\x98\x80 \xED\x95\x9C", "\xF0\x9F\x98\x80 \xED\x95\x9C"},  // stays
           Case{"\xED\xA0\xBDx", "\xEF\xBF\xBDx"},                                  // half a pair
           Case{"\xED\xB8\x80\xED\xA0\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD"},            // the wrong way
           Case{"\xED\xA0\xBD\xED\xA0\xBD\xED\xB8\x80", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
           Case{"\xED\xA0", "\xED\xA0"},  // cut: judged as text that is not UTF-8
       }) {
    Decoding decoding;
    const auto body = decoding.Run("data=" + UrlEncode(Base64(StrCat("{\"a\":\"", sent, "\"}"))));
    ASSERT_TRUE(body.ok()) << body.status();
    EXPECT_EQ(body->records, StrCat("{\"a\":\"", read, "\"}"));
  }
}

TEST(DecodeBody, FindsGzipByItsFirstBytes) {
  Decoding decoding;
  const auto decoded = decoding.Run(Gzip("data=e30"));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->records, "{}");
  EXPECT_TRUE(decoded->is_form);
  EXPECT_FALSE(decoding.Run(kJson)->is_form);
}

TEST(DecodeBody, RejectsUnsupportedContent) {
  Decoding decoding;
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(decoding.Run("hello").status().code(), invalid);
  EXPECT_EQ(decoding.Run("data=!!!").status().code(), invalid);
  EXPECT_EQ(decoding.Run("data=" + Base64("hello")).status().code(), invalid);
  EXPECT_EQ(decoding.Run(kJson, "br").status().code(), invalid);
  EXPECT_EQ(decoding.Run(kJson, "deflate").status().code(), invalid);
  EXPECT_EQ(decoding.Run(kJson, "gzip").status().code(), invalid);
  EXPECT_EQ(decoding.Run(Gzip(kJson).substr(0, 20), "gzip").status().code(), invalid);
}

TEST(DecodeBody, BoundsSizesAfterDecompression) {
  Decoding decoding;
  const std::string large(1001, ' ');
  EXPECT_TRUE(absl::IsResourceExhausted(decoding.Run(large).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(decoding.Run(Gzip(large), "gzip").status()));
  EXPECT_TRUE(decoding.Run(large.substr(1)).ok());
}

TEST(DecodeAnyBase64, RefusesOtherText) {
  EXPECT_EQ(*DecodeAnyBase64("aGk="), "hi");
  EXPECT_EQ(*DecodeAnyBase64("aGk"), "hi");
  EXPECT_EQ(*DecodeAnyBase64("-_ /"), "\xFB\xFF\xBF");
  EXPECT_EQ(*DecodeAnyBase64(""), "");
  for (std::string_view bad : {"a", "aGkaG", "a*bc", "aG=k"}) {
    EXPECT_FALSE(DecodeAnyBase64(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace millrace::sdk
