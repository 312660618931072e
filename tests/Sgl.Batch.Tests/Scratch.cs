namespace Sgl.Batch.Tests;

/// <summary>A folder that goes with its test.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-batch-").FullName;

    public string Answers => At("answers.jsonl");

    public string Errors => At("errors.jsonl");

    public string At(string name) => Path.Combine(_folder, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    /// <summary>A file of requests that ask for their numbers.</summary>
    public string Requests(int count) => Write("requests.jsonl", string.Concat(Enumerable.Range(0, count).Select(i => Line($"r{i}", $$"""{"messages":[],"n":{{i}}}"""))));

    public static string Line(string id, string body) => $$"""{"custom_id":"{{id}}","method":"POST","url":"/v1/chat/completions","body":{{body}}}""" + "\n";

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
