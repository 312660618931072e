using System.Text;
using System.Text.Json;
using CsCheck;

namespace Sgl.Batch.Tests;

public sealed class BatchFileTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Open_GoodFile_RequestsWithTheirBodies()
    {
        var path = _scratch.Write(
            "r.jsonl",
            "\uFEFF" + Scratch.Line("a", """{ "x": 1 }""") + "\r\n" + """{"body":{"stream":false,"in":{"stream":true}},"url":"/v1/chat/completions","custom_id":"\u0062","method":"POST"}""" + "\r\n"
            + Scratch.Line("c", "{}").TrimEnd());

        using var file = BatchFile.Open(path);

        Assert.Equal(["a", "b", "c"], file.Requests.Select(r => r.CustomId));
        Assert.Equal([1, 3, 4], file.Requests.Select(r => r.Line));
        Assert.Equal(["""{ "x": 1 }""", """{"stream":false,"in":{"stream":true}}""", "{}"], file.Requests.Select(r => Encoding.UTF8.GetString(file.Body(r))));
    }

    [Theory]
    [InlineData("x", "is not JSON")]
    [InlineData("[]", "must be an object")]
    [InlineData("""{"custom_id":7}""", "custom_id must be a string")]
    [InlineData("""{"custom_id":"","method":"POST","url":"/v1/chat/completions","body":{}}""", "custom_id")]
    [InlineData("""{"method":"POST","url":"/v1/chat/completions","body":{}}""", "custom_id")]
    [InlineData("""{"custom_id":"a","url":"/v1/chat/completions","body":{}}""", "method")]
    [InlineData("""{"custom_id":"a","method":"GET","url":"/v1/chat/completions","body":{}}""", "found 'GET'")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}""", "found '/v1/embeddings'")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}""", "body")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":[]}""", "body must be an object")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{},"body":{}}""", "body twice")]
    [InlineData("""{"custom_id":"a","custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{}}""", "custom_id twice")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"stream":true}}""", "body.stream")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{},"extra":1}""", "extra")]
    [InlineData("""{"custom_id":"\ud800","method":"POST","url":"/v1/chat/completions","body":{}}""", "Unicode")]
    [InlineData("""{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}} {}""", "")]
    [InlineData("""{"custom_id":"first","method":"POST","url":"/v1/chat/completions","body":{}}""", "that of line 1")]
    public void Open_WrongLine_ToldWithItsNumber(string line, string message)
    {
        var path = _scratch.Write("r.jsonl", Scratch.Line("first", "{}") + line + "\n");

        var e = Assert.Throws<BatchException>(() => BatchFile.Open(path));

        Assert.Contains("r.jsonl:2: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Single(e.Message.Split('\n'));
    }

    [Fact]
    public void Open_ManyWrongLines_TheFirstTwelve()
    {
        var e = Assert.Throws<BatchException>(() => BatchFile.Open(_scratch.Write("r.jsonl", string.Concat(Enumerable.Repeat("{}\n", 100)))));

        Assert.Equal(13, e.Message.Split('\n').Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\r\n")]
    public void Open_NoRequest_Refused(string text) => Assert.Throws<BatchException>(() => BatchFile.Open(_scratch.Write("r.jsonl", text)));

    [Fact]
    public void Open_NoFile_Refused() => Assert.Contains("none.jsonl", Assert.Throws<BatchException>(() => BatchFile.Open(_scratch.At("none.jsonl"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_AnyChange_RequestOrRefusal()
    {
        var good = Encoding.UTF8.GetBytes(Scratch.Line("a", """{"messages":[{"role":"user","content":"q"}],"x":{"stream":1}}""").TrimEnd());

        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Sample((at, value, length) =>
        {
            var line = good[..length];
            if (at < length)
            {
                line[at] = value;
            }

            try
            {
                var found = Batch.Internal.BatchLine.Parse(line);
                JsonDocument.Parse(line.AsMemory()[found.Body]).Dispose();
            }
            catch (Exception e) when (e is JsonException or Batch.Internal.BadLineException)
            {
                // Refused.
            }
        });
    }
}
