using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sgl.Cli.Internal;

/// <summary>A line of <c>samples/questions.jsonl</c>.</summary>
/// <param name="Image">File beside the list.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">The right answer.</param>
/// <param name="Kind">What is asked for.</param>
internal sealed record SampleQuestion(
    [property: JsonRequired] string Image,
    [property: JsonRequired] string Question,
    [property: JsonRequired] string Answer,
    string? Kind = null)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Reads a list.</summary>
    /// <exception cref="CliException">It cannot be read, or a line is not a question; names the line.</exception>
    public static IReadOnlyList<SampleQuestion> ReadAll(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"--questions: {e.Message}", innerException: e);
        }

        var questions = new List<SampleQuestion>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i]))
            {
                continue;
            }

            try
            {
                questions.Add(JsonSerializer.Deserialize<SampleQuestion>(lines[i], Json) ?? throw new JsonException("null is not a question"));
            }
            catch (JsonException e)
            {
                throw new CliException($"{path}, line {i + 1}: not a question with image, question and answer: {e.Message}", innerException: e);
            }
        }

        return questions.Count > 0 ? questions : throw new CliException($"{path} holds no questions");
    }
}
