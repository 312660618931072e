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

    /// <summary>Notes where the next image stands.</summary>
    public void AddImage(string path) => _images.Add(path);

    /// <summary>Notes where a part stands.</summary>
    public void AddPart(int message, int part, string path) => _parts[(message, part)] = path;

    /// <summary>The name of a field of the contract.</summary>
    public string Of(string field)
    {
        const string sampling = "sampling.", policy = "policy.";
        if (Image().Match(field) is { Success: true } image && Index(image.Groups["i"]) is { } i && i < _images.Count)
        {
            return _images[i];
        }

        if (Part().Match(field) is { Success: true } part && Index(part.Groups["m"]) is { } m && Index(part.Groups["p"]) is { } p)
        {
            return _parts.GetValueOrDefault((m, p)) ?? $"messages[{m}].content[{p}]";
        }

        return field switch
        {
            "images" => "messages",
            "sampling.max_new_tokens" => MaxTokens,
            "sampling.min_new_tokens" => "min_tokens",
            "policy.name" => "sgl.policy",
            "policy.large_timeout" => "sgl.large_timeout_ms",
            "keep_part_order" => "sgl.keep_part_order",
            _ when field.StartsWith(sampling, StringComparison.Ordinal) => field[sampling.Length..],
            _ when field.StartsWith(policy, StringComparison.Ordinal) => "sgl." + field[policy.Length..],
            _ when field.StartsWith("image_limits", StringComparison.Ordinal) => "sgl." + field,
            _ => field.Replace(".parts", ".content", StringComparison.Ordinal),
        };
    }

    private static int? Index(Group digits) => int.TryParse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;

    [GeneratedRegex(@"^images\[(?<i>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Image();

    [GeneratedRegex(@"^messages\[(?<m>\d+)\]\.parts\[(?<p>\d+)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Part();
}
