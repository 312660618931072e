using System.Globalization;
using System.Text;
using Sgl.Grammar;
using Sgl.Hosting.Internal;
using Sgl.Requests;
using Sgl.Router;

namespace Sgl.Reference;

/// <summary>Everything a client may send at most.</summary>
internal static class LimitsPage
{
    /// <summary>Limits fixed in code. A constant that goes or moves breaks the build here, one that changes makes the page stale: both are meant to.</summary>
    private static readonly (string What, object Value, string Reason, string Moves)[] Fixed =
    [
        ("turns of a conversation", ChatRules.MostMessages, "INVALID_REQUEST", "Lower: clients with long chats break; announce it a minor version ahead."),
        ("characters (UTF-16 units) of all texts", ChatRules.MostCharacters, "PROMPT_TOO_LONG", "Bounds the tokenizers' time; raise it only with their figures."),
        ("new tokens where a request says nothing", SamplingRules.DefaultMaxNewTokens, "", "Answers get longer or are cut: say so in the changelog."),
        ("temperature", SamplingRules.MaxTemperature, "INVALID_REQUEST", "Nobody needs more."),
        ("stop strings", SamplingRules.MaxStopStrings, "INVALID_REQUEST", "Each is looked for after each token; measure decoding."),
        ("characters of a stop string", SamplingRules.MaxStopLength, "INVALID_REQUEST", "As many are held back before they are streamed."),
        ("likeliest tokens told of each step", SamplingRules.MaxTopLogProbabilities, "INVALID_REQUEST", "Each is a message in every token of a stream."),
        ("bytes of a JSON schema (`response_format`)", GrammarLimits.MaxSchemaBytes, "INVALID_REQUEST", "Bounds the time of reading it, and of its first masks over the vocabulary."),
        ("nesting of an answer under one", GrammarLimits.MaxDepth, "", "Readers of JSON have limits of their own, mostly 64."),
        ("properties of one object in it", GrammarLimits.MaxProperties, "INVALID_REQUEST", "Optional ones are read side by side."),
        ("alternatives of one `anyOf` in it", GrammarLimits.MaxAlternatives, "INVALID_REQUEST", "They are read side by side."),
        ("values of one `enum` in it", GrammarLimits.MaxValues, "INVALID_REQUEST", "As OpenAI has it."),
        ("`minItems` and `maxItems` in it", GrammarLimits.MaxItems, "INVALID_REQUEST", "Each element takes places in the grammar, of which there are 65,536."),
        ("`minLength` and `maxLength` in it", GrammarLimits.MaxLength, "INVALID_REQUEST", "Each character takes a place in the grammar."),
        ("digits of a number under it, on each side of the point", GrammarLimits.MaxDigits, "", "What a double holds."),
        ("tiles of one image (`image_limits`)", ImageLimitRules.MostTiles, "INVALID_REQUEST", "Bounds visual tokens and the vision tower's memory; see sizing."),
        ("violations told of one request", ViolationList.Most, "", "Bounds the time spent on wrong requests and the size of their answers."),
        ("elements of one list in a message", MessageScan.MostElements, "INVALID_REQUEST", "Bounds what parsing takes before anything is checked."),
        ("numbers of packed fields in a message", MessageScan.MostNumbers, "INVALID_REQUEST", "Holds the importance of every visual token: not below the largest prompt."),
        ("unknown fields in a message", MessageScan.MostUnknown, "INVALID_REQUEST", "Newer clients send fields that this version does not know: leave room."),
        ("elements of one list in a JSON body", JsonScan.MostElements, "INVALID_REQUEST", "As over gRPC."),
        ("values of a JSON body", JsonScan.MostValues, "INVALID_REQUEST", "Bounds what parsing takes."),
    ];

    /// <summary>Limits that are settings.</summary>
    private static readonly (string Key, string Reason)[] Configured =
    [
        ("Listen:MaxReceiveMessageBytes", "MESSAGE_TOO_LARGE"),
        ("Listen:MaxSendMessageBytes", "MESSAGE_TOO_LARGE"),
        ("Listen:MaxStreamsPerConnection", "waits in the client"),
        ("Calls:MaxBytesInFlight", "OVERLOADED"),
        ("Calls:MaxConcurrent", "OVERLOADED"),
        ("Calls:MaxDuration", "DEADLINE_EXCEEDED"),
        ("Calls:ReadTimeout", "UPLOAD_STALLED"),
        ("Calls:WriteTimeout", "ANSWER_UNREAD"),
        ("Router:MaxConcurrentRequests", "OVERLOADED"),
        ("Router:Small:Timeout", "DEADLINE_EXCEEDED"),
        ("Router:Large:Timeout", "DEADLINE_EXCEEDED, or a degraded answer"),
        ("Bridge:MaxConcurrent", "OVERLOADED"),
        ("Bridge:MaxImages", "INVALID_REQUEST"),
        ("Bridge:MaxNewTokens", "INVALID_REQUEST"),
        ("Bridge:MaxLineBytes", "INTERNAL: the engine's fault"),
        ("Bridge:MaxAnswerBytes", "INTERNAL: the engine's fault"),
        ("Bridge:FirstTokenTimeout", "DEADLINE_EXCEEDED"),
        ("Bridge:TokenTimeout", "DEADLINE_EXCEEDED"),
        ("Engine:MaxBatch", "waits"),
        ("Engine:MaxQueue", "OVERLOADED"),
        ("Engine:KvBudgetMiB", "waits; what can never fit: PROMPT_TOO_LONG"),
        ("Engine:MaxPromptTokens", "PROMPT_TOO_LONG"),
        ("Engine:MaxNewTokens", "INVALID_REQUEST"),
        ("Engine:MaxImages", "INVALID_REQUEST"),
        ("Requests:MaxImageBytes", "BAD_IMAGE"),
        ("Requests:MaxImagePixels", "BAD_IMAGE"),
        ("Requests:MaxImageSide", "BAD_IMAGE"),
        ("Requests:MaxImageAspectRatio", "BAD_IMAGE"),
        ("Requests:MaxRequestPixels", "BAD_IMAGE"),
        ("Requests:PreparationMemoryMiB", "waits; what can never fit: BAD_IMAGE"),
        ("Guidance:MaxWaiting", "UNGUIDED"),
        ("Guidance:Timeout", "DEADLINE_EXCEEDED"),
    ];

    public static string Of(IReadOnlyList<Service> services)
    {
        var known = services.SelectMany(s => s.Sections).DistinctBy(s => s.Name).SelectMany(SettingKeys.Of).ToDictionary(k => k.Key);
        var text = new StringBuilder($"""
            # Limits

            Generated by `{ReferenceFiles.Command}`. Nothing that a client sends takes memory or time without a bound; these are the bounds, and the [reason](errors.md) of a refusal.

            ## Fixed

            | what | most | refused with | when it moves |
            |---|---|---|---|

            """);
        foreach (var (what, value, reason, moves) in Fixed)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {value} | {Code(reason)} | {moves} |");
        }

        text.AppendLine().AppendLine("""
            ## Settings

            Raise them with the memory and time that they stand for; [settings](settings.md) has what each means.

            | setting | default | refused with |
            |---|---|---|
            """);
        foreach (var (key, reason) in Configured)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| `{key}` | {SettingsPage.Shown(known[key].Default)} | {Code(reason)} |");
        }

        return text.Append("""

            Moving a limit down can break clients: it is a change for the changelog, and over a release for limits of the contract. Moving one up is safe for clients; look at
            [sizing](../sizing.md) first, and run `dotnet run --project fuzz/Sgl.Fuzz -- attack`, which measures what hostile requests cost.

            """).ToString();

        static string Code(string reason) => reason.Length > 0 && reason.All(c => char.IsUpper(c) || c == '_') ? $"`{reason}`" : reason;
    }
}
