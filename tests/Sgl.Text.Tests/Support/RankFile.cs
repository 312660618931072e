using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sgl.Text.Tests.Support;

/// <summary>A tiktoken rank file (base64 token and rank per line), and the vocabulary and merges that are the same encoding.</summary>
internal sealed class RankFile
{
    private readonly List<(string Token, int Rank)> _tokens = [];
    private readonly Dictionary<string, int> _ranks = new(StringComparer.Ordinal);

    public int Count => _tokens.Count;

    public static RankFile Read(string path)
    {
        var file = new RankFile();
        foreach (var line in File.ReadLines(path))
        {
            var parts = line.Split(' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 2)
            {
                var token = Encoding.Latin1.GetString(Convert.FromBase64String(parts[0]));
                var rank = int.Parse(parts[1], CultureInfo.InvariantCulture);
                file._tokens.Add((token, rank));
                file._ranks.Add(token, rank);
            }
        }

        return file;
    }

    public string VocabularyJson() => JsonSerializer.Serialize(_tokens.ToDictionary(t => Spell(t.Token), t => t.Rank));

    public string MergesText()
    {
        var text = new StringBuilder("#version: 0.2\n");
        foreach (var (token, rank) in _tokens.OrderBy(t => t.Rank))
        {
            if (token.Length > 1 && LastMerge(token, rank) is { } parts)
            {
                text.Append(Spell(parts.Left)).Append(' ').Append(Spell(parts.Right)).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Spell(string bytes)
    {
        var text = new StringBuilder();
        foreach (var unit in bytes)
        {
            text.Append(Alphabet[unit]);
        }

        return text.ToString();
    }

    // Written out again, on purpose, instead of taken from the code under test.
    private static string Alphabet { get; } = string.Concat(BuildAlphabet());

    private static IEnumerable<char> BuildAlphabet()
    {
        var next = 0x100;
        for (var b = 0; b < 256; b++)
        {
            yield return b is > 32 and < 127 or > 160 and < 173 or > 173 ? (char)b : (char)next++;
        }
    }

    /// <summary>The two parts that a token's bytes merge into with lower ranks only.</summary>
    private (string Left, string Right)? LastMerge(string token, int rank)
    {
        var parts = token.Select(c => c.ToString()).ToList();
        while (parts.Count > 2)
        {
            var best = -1;
            var bestRank = rank;
            for (var i = 1; i < parts.Count; i++)
            {
                if (_ranks.TryGetValue(parts[i - 1] + parts[i], out var r) && r < bestRank)
                {
                    (best, bestRank) = (i, r);
                }
            }

            if (best < 0)
            {
                return null;
            }

            parts[best - 1] += parts[best];
            parts.RemoveAt(best);
        }

        return parts.Count == 2 ? (parts[0], parts[1]) : null;
    }
}
