using Sgl.TestKit;
using Sgl.Traces;

namespace Sgl.Router.Tests;

/// <summary>What a collector gets of one question, from three processes that are told of it by the standard variables only.</summary>
public sealed class TraceTests
{
    [Fact]
    public async Task Answer_Escalated_OneTreeOverAllProcesses()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var samples = Path.Combine(SharedData.RepositoryRoot, "samples");
        var spans = await EscalatedQuestion.AskAsync(
            Path.Combine(SharedData.RepositoryRoot, "models"), Path.Combine(samples, "codes.png"), Path.Combine(samples, "shapes.jpg"), "What shape is black?", limit.Token);

        // Each once, and nothing besides: no probe, no second export of the same.
        Assert.Equal(EscalatedQuestion.Expected.Order(), spans.Select(s => (s.Service, s.Name)).Order());
        Assert.Equal(spans.Count, spans.Select(s => s.Id).Distinct().Count());
        Assert.DoesNotContain(spans, s => s.Failed);

        // Who belongs to whom.
        Is("client/ask", "sgl-router/sgl.v1.RouterService/Answer");
        Is("sgl-router/sgl.v1.RouterService/Answer", "sgl-router/chat sgl-demo-small", "sgl-router/chat sgl-demo-large");
        Is("sgl-router/chat sgl-demo-small", "sgl-small/sgl.v1.SmallService/Generate");
        Is("sgl-router/chat sgl-demo-large", "sgl-large/sgl.v1.LargeService/Generate");
        Is("sgl-small/sgl.v1.SmallService/Generate", "sgl-small/preprocess", "sgl-small/vision", "sgl-small/queue", "sgl-small/prefill", "sgl-small/decode", "sgl-small/consistency");
        Is("sgl-large/sgl.v1.LargeService/Generate", "sgl-large/preprocess", "sgl-large/vision", "sgl-large/queue", "sgl-large/prefill", "sgl-large/decode");

        // What follows what, on one machine's clock.
        Follow("sgl-small/preprocess", "sgl-small/vision", "sgl-small/queue", "sgl-small/prefill", "sgl-small/decode", "sgl-small/consistency");
        Follow("sgl-large/preprocess", "sgl-large/vision", "sgl-large/queue", "sgl-large/prefill", "sgl-large/decode");
        Follow("sgl-router/chat sgl-demo-small", "sgl-router/chat sgl-demo-large");

        var answer = Of("sgl-router/sgl.v1.RouterService/Answer");
        Assert.Equal("escalate", answer.Attributes["sgl.decision"]);
        Assert.Equal("escalated", answer.Attributes["sgl.path"]);
        Assert.Equal(2.0, answer.Attributes["sgl.threshold"]);
        Assert.Equal(Of("sgl-small/sgl.v1.SmallService/Generate").Attributes["sgl.score.decision"], answer.Attributes["sgl.score"]);
        Assert.Contains("decision", answer.Events);
        foreach (var (span, model) in new[] { ("sgl-router/chat sgl-demo-large", "sgl-demo-large"), ("sgl-large/sgl.v1.LargeService/Generate", "sgl-demo-large"), ("sgl-router/chat sgl-demo-small", "sgl-demo-small") })
        {
            var attributes = Of(span).Attributes;
            Assert.Equal(("chat", "sgl", model), (attributes["gen_ai.operation.name"], attributes["gen_ai.provider.name"], attributes["gen_ai.response.model"]));
            Assert.True((long)attributes["gen_ai.usage.input_tokens"]! > 0 && (long)attributes["gen_ai.usage.output_tokens"]! > 0);
            Assert.Equal(["stop"], (object?[])attributes["gen_ai.response.finish_reasons"]!);
        }

        Assert.True((long)Of("sgl-large/prefill").Attributes["sgl.kept_visual_tokens"]! < (long)Of("sgl-large/prefill").Attributes["sgl.visual_tokens"]!);

        // The picture has a bar for each.
        var picture = System.Xml.Linq.XDocument.Parse(Waterfall.Draw(spans, "a <title>"));
        Assert.Equal(spans.Count, picture.Descendants().Count(e => e.Name.LocalName == "title"));

        TracedSpan Of(string name) => spans.Single(s => $"{s.Service}/{s.Name}" == name);

        void Is(string parent, params string[] children) =>
            Assert.Equal(children.Order(StringComparer.Ordinal), spans.Where(s => s.Parent == Of(parent).Id).Select(s => $"{s.Service}/{s.Name}").Order(StringComparer.Ordinal));

        void Follow(params string[] names)
        {
            for (var i = 1; i < names.Length; i++)
            {
                Assert.True(Of(names[i - 1]).End <= Of(names[i]).Start + TimeSpan.FromMilliseconds(1), $"{names[i]} begins before {names[i - 1]} ends");
            }
        }
    }
}
