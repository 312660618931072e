using System.Text.RegularExpressions;

namespace Sgl.Models.Internal;

/// <summary>Finds the safetensors files of a folder: one file, an index with its shards, or a numbered set without an index.</summary>
/// <remarks>
/// As the transformers library does, <c>model.safetensors</c> is preferred to an index, which is often what is left of the shards that were merged or
/// fine-tuned into it.
/// </remarks>
internal static partial class ShardList
{
    private const string SingleFile = "model.safetensors";
    private const string IndexEnding = ".safetensors.index.json";

    /// <summary>Shard names and, with an index, the shard that each tensor is said to be in.</summary>
    public static (IReadOnlyList<string> Shards, string? IndexFile, IReadOnlyDictionary<string, string>? Map) Find(ProblemList problems)
    {
        var files = Directory.EnumerateFiles(problems.Folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).ToArray();
        if (files.Contains(SingleFile) && !Array.Exists(files, f => f.EndsWith(IndexEnding, StringComparison.Ordinal) && ContinuesSingleFile(problems.Folder, f)))
        {
            return ([SingleFile], null, null);
        }

        var indexes = files.Where(f => f.EndsWith(IndexEnding, StringComparison.Ordinal)).ToArray();
        if (indexes.Length > 1)
        {
            problems.Add(".", null, "one *.safetensors.index.json", string.Join(", ", indexes));
            return ([], null, null);
        }

        if (indexes.Length == 1)
        {
            var map = ReadIndex(indexes[0], problems);
            return ([.. map.Values.Distinct().Order(StringComparer.Ordinal)], indexes[0], map);
        }

        var shards = files.Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal)).ToArray();
        if (shards.Length == 0)
        {
            var pickles = files.Where(f => f.EndsWith(".bin", StringComparison.Ordinal) || f.EndsWith(".pt", StringComparison.Ordinal) || f.EndsWith(".pth", StringComparison.Ordinal)).ToArray();
            problems.Add(
                ".",
                null,
                "model.safetensors, or *.safetensors.index.json with its shards",
                pickles.Length == 0 ? "no safetensors file" : $"only {string.Join(", ", pickles.Take(3))}; pickled weights can run code and are never read, only safetensors are");
            return ([], null, null);
        }

        if (shards.Length > 1)
        {
            CheckNumbered(shards, problems);
        }
        else if (Numbered().Match(shards[0]) is { Success: true })
        {
            CheckNumbered(shards, problems);
        }

        return (shards, null, null);
    }

    /// <summary>Whether an index names model.safetensors as one of several shards that all exist: then it is not whole without the others.</summary>
    private static bool ContinuesSingleFile(string folder, string index)
    {
        var shards = ReadIndex(index, new ProblemList(folder)).Values.ToHashSet(StringComparer.Ordinal);
        return shards.Count > 1 && shards.Contains(SingleFile) && shards.All(s => File.Exists(Path.Combine(folder, s)));
    }

    private static Dictionary<string, string> ReadIndex(string file, ProblemList problems)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        var weights = ConfigFile.Open(file, problems, required: true)?.RequiredObject("weight_map");
        foreach (var name in weights?.Keys ?? [])
        {
            var shard = weights!.OptionalString(name);
            if (shard is null || shard.Length == 0 || shard is "." or ".." || shard.AsSpan().IndexOfAny('/', '\\', '\0') >= 0 || !shard.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                weights.Problem(name, "the name of a .safetensors file in this folder");
                continue;
            }

            map.Add(name, shard);
        }

        if (weights is not null && map.Count == 0)
        {
            problems.Add(file, "weight_map", "at least one tensor", "none");
        }

        return map;
    }

    private static void CheckNumbered(string[] shards, ProblemList problems)
    {
        var matches = shards.Select(s => Numbered().Match(s)).ToArray();
        var first = matches[0];
        if (Array.Exists(matches, m => !m.Success || m.Groups[1].Value != first.Groups[1].Value || m.Groups[3].Value != first.Groups[3].Value))
        {
            problems.Add(".", null, "model.safetensors, one numbered set of shards, or an index", string.Join(", ", shards.Take(5)));
            return;
        }

        var width = first.Groups[2].Length;
        if (!int.TryParse(first.Groups[3].Value, out var total) || total > 100_000)
        {
            problems.Add(shards[0], null, "at most 100000 shards", first.Groups[3].Value);
            return;
        }

        for (var i = 1; i <= total; i++)
        {
            var name = $"{first.Groups[1].Value}-{i.ToString(System.Globalization.CultureInfo.InvariantCulture).PadLeft(width, '0')}-of-{first.Groups[3].Value}.safetensors";
            if (Array.IndexOf(shards, name) < 0)
            {
                problems.Add(name, null, "the shard to exist", "no such file");
            }
        }
    }

    [GeneratedRegex(@"^(.+)-(\d+)-of-(\d+)\.safetensors$", RegexOptions.CultureInvariant)]
    private static partial Regex Numbered();
}
