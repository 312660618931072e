using System.Text.Json;
using Wire = Sgl.V1;

namespace Sgl.TestKit.Serving;

/// <summary>The sample images and questions of the repository.</summary>
public static class Samples
{
    private static readonly string Folder = Path.Combine(SharedData.RepositoryRoot, "samples");

    /// <summary>All questions.</summary>
    public static IReadOnlyList<(string Image, string Question)> Questions { get; } =
    [
        .. File.ReadLines(Path.Combine(Folder, "questions.jsonl")).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            return (json.RootElement.GetProperty("image").GetString()!, json.RootElement.GetProperty("question").GetString()!);
        }),
    ];

    /// <summary>One of the images.</summary>
    public static Wire.Image Image(string name) => TestImages.Of(File.ReadAllBytes(Path.Combine(Folder, name)), name);
}
