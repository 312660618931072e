using System.Text.Json;
using Sgl.TestKit;

namespace Sgl.Text.Tests.Support;

/// <summary>What independent implementations say; made by <c>Data/make_oracle.py</c> and <c>Data/make_oracle.mjs</c>.</summary>
internal sealed record OracleData(int[][] Ids, string[]? Decoded, int[][] Sequences, string[] Texts)
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNameCaseInsensitive = true };

    /// <summary>The texts whose ids the oracles give.</summary>
    public static string[] Strings { get; } = Read<string[]>("strings.json");

    /// <summary>Further texts, with added tokens, for the oracles that have <see cref="Decoded"/>.</summary>
    public static string[] StringsWithTokens { get; } = Read<string[]>("strings-with-tokens.json");

    /// <summary>A file of the oracles' folder; <c>SGL_TEXT_DATA</c> names another one, with more strings.</summary>
    public static string FilePath(string name) => Path.Combine(
        Environment.GetEnvironmentVariable("SGL_TEXT_DATA") ?? Path.Combine(SharedData.RepositoryRoot, "tests", "Sgl.Text.Tests", "Data"), name);

    public static OracleData Load(string name) => Read<OracleData>(name + ".expected.json");

    private static T Read<T>(string name) =>
        JsonSerializer.Deserialize<T>(File.ReadAllText(FilePath(name)), Options)!;
}
