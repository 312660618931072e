using System.Text;
using Sgl.Batch;
using Sgl.Fuzz.Internal;

namespace Sgl.Fuzz;

/// <summary>Files of requests for <c>sgl batch</c>, and what is found of results when it goes on.</summary>
internal sealed class BatchTarget : IFuzzTarget
{
    private readonly Scratch _scratch = new();

    public string Name => "batch";

    public CaseBounds Bounds => new(TimeSpan.FromSeconds(5), 256L << 20);

    public IReadOnlyList<string> Dictionary =>
        ["\n", "\r\n", "\u00ef\u00bb\u00bf", "\"custom_id\":", "\"body\":{", "\"stream\":true", "\"url\":\"/v1/chat/completions\"", "\\ud800", "{}", "[[[[[[[[", "null"];

    public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>(
    [
        new("requests", Encoding.UTF8.GetBytes(Request("a") + Request("b") + "\r\n" + Request("c"))),
        new("results", """
            {"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"1","body":{}},"error":null}
            {"id":"batch_req_2","custom_id":"b","response":null,"error":{"code":"x","message":"y"}}

            """u8.ToArray()),
    ]);

    public Task<bool> RunAsync(Seed seed, byte[] bytes)
    {
        _scratch.Write("case", bytes);
        try
        {
            if (seed.Name == "results")
            {
                using var results = BatchResults.Open(_scratch.File("case"), _scratch.File("errors"), retryErrors: false);
                return Task.FromResult(true);
            }

            using var file = BatchFile.Open(_scratch.File("case"));
            foreach (var request in file.Requests)
            {
                _ = file.Body(request);
            }

            return Task.FromResult(true);
        }
        catch (BatchException)
        {
            return Task.FromResult(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Request(string id) => $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"q"}]}}""" + "\n";
}
