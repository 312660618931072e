using System.Globalization;
using System.Text.RegularExpressions;

namespace Sgl.Router;

/// <summary>The names that the HTTP API has for fields of the contract; of one request, since images and parts stand elsewhere in its body.</summary>
internal sealed partial class ChatFieldNames
{
    private readonly List<string> _images = [];
    private readonly Dictionary<(int Message, int Part), string> _parts = [];

    /// <summary>The field that said how many tokens may be generated.</summary>
    public string MaxTokens { get; set; } = "max_tokens";

    /// <summary>Name of the list of turns.</summary>
    public string Turns { get; set; } = "messages";

    /// <summary>Turns that stand elsewhere, in front of the list: the instructions.</summary>
    public int FirstTurn { get; set; }

    /// <summary>The field that said what the answer must be, and its schema.</summary>
    public (string Field, string Schema) Format { get; set; } = ("response_format", "response_format.json_schema.schema");

    /// <summary>Notes where the next image stands.</summary>
    public void AddImage(string path) => _images.Add(path);

    /// <summary>Notes where a part stands.</summary>
    public void AddPart(int message, int part, string path) => _parts[(message, part)] = path;

    /// <summary>The name of a field of the contract.</summary>
    public string Of(string field)
    {
        const string sampling = "sampling.", policy = "policy.", schema = "response_format.json_schema";
        if (Image().Match(field) is { Success: true } image && Index(image.Groups["i"]) is { } i && i < _images.Count)
        {
            return _images[i];
        }

        if (Part().Match(field) is { Success: true } part && Index(part.Groups["m"]) is { } m && Index(part.Groups["p"]) is { } p)
        {
            return _parts.GetValueOrDefault((m, p)) ?? $"{Turn(m)}.content[{p}]";
        }

        return field switch
        {
            "images" or "messages" => Turns,
            "sampling.max_new_tokens" => MaxTokens,
            "sampling.min_new_tokens" => "min_tokens",
            "sampling.top_log_probabilities" => "top_logprobs",
            "policy.name" => "sgl.policy",
            "policy.large_timeout" => "sgl.large_timeout_ms",
            "keep_part_order" => "sgl.keep_part_order",
            "response_format" => Format.Field,
            _ when field.StartsWith(schema, StringComparison.Ordinal) => Format.Schema + field[schema.Length..],
            _ when field.StartsWith(sampling, StringComparison.Ordinal) => field[sampling.Length..],
            _ when field.StartsWith(policy, StringComparison.Ordinal) => "sgl." + field[policy.Length..],
            _ when field.StartsWith("image_limits", StringComparison.Ordinal) => "sgl." + field,
            _ => Message().Replace(field, m => Index(m.Groups["m"]) is { } index ? Turn(index) : m.Value).Replace(".parts", ".content", StringComparison.Ordinal),
        };
    }

    private string Turn(int message) => message < FirstTurn ? "instructions" : $"{Turns}[{message - FirstTurn}]";

    private static int? Index(Group digits) => int.TryParse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;

    [GeneratedRegex(@"^images\[(?<i>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Image();

    [GeneratedRegex(@"^messages\[(?<m>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Message();

    [GeneratedRegex(@"^messages\[(?<m>\d+)\]\.parts\[(?<p>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
