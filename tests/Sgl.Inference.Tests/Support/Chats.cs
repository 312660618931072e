using Sgl.Text;

namespace Sgl.Inference.Tests.Support;

/// <summary>Prompts put together of texts and pictures, so that several of them begin alike.</summary>
internal static class Chats
{
    private const int Placeholder = 3;

    /// <summary>A part of a prompt.</summary>
    /// <param name="Ids">Ids of a text; placeholders of a picture.</param>
    /// <param name="Features">Of a picture.</param>
    internal readonly record struct Part(int[] Ids, float[]? Features);

    /// <summary>Always the same text for the same number.</summary>
    public static Part Text(int number, int length) => Ids(new Random(1000 + number), length);

    /// <summary>A text that has these ids.</summary>
    public static Part Text(IEnumerable<int> ids) => new([.. ids], null);

    /// <summary>Always the same picture for the same number.</summary>
    public static Part Picture(int number, int tokens)
    {
        var random = new Random(2000 + number);
        return new Part(
            [.. Enumerable.Repeat(Placeholder, tokens)], [.. Enumerable.Range(0, tokens * TestEngine.Shape.Hidden).Select(_ => (random.NextSingle() * 3) - 1.5f)]);
    }

    /// <summary>The parts in a row.</summary>
    public static PreparedPrompt Prompt(params IReadOnlyList<Part> parts) => Prompt(null, parts);

    /// <summary>The parts in a row, of somebody.</summary>
    public static PreparedPrompt Prompt(string? scope, IReadOnlyList<Part> parts)
    {
        var ids = new List<int>();
        var spans = new List<ImageSpan>();
        foreach (var part in parts)
        {
            if (part.Features is not null)
            {
                spans.Add(new ImageSpan(spans.Count, ids.Count, part.Ids.Length));
            }

            ids.AddRange(part.Ids);
        }

        return PreparedPrompt.FromFeatures([.. ids], spans, [.. parts.SelectMany(p => p.Features ?? [])], scope);
    }

    private static Part Ids(Random random, int length) => new([.. Enumerable.Range(0, length).Select(_ => random.Next(4, TestEngine.Shape.Vocabulary))], null);
}
