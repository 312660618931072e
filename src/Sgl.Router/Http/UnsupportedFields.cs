using System.Text.Json;

namespace Sgl.Router;

/// <summary>
/// Fields of the OpenAI protocol and of its kin that would change the answer if they were honoured, so they must not be ignored. The value that changes nothing
/// is accepted: clients write it out.
/// </summary>
internal static class UnsupportedFields
{
    private static readonly Dictionary<string, (Func<JsonElement, bool> IsHarmless, string Description)> Fields = new()
    {
        ["best_of"] = Only(1),
        ["frequency_penalty"] = Only(0),
        ["presence_penalty"] = Only(0),
        ["repetition_penalty"] = Only(1),
        ["length_penalty"] = Only(1),
        ["min_p"] = Only(0),
        ["typical_p"] = Only(1),
        ["top_a"] = Only(0),
        ["tfs_z"] = Only(1),
        ["mirostat"] = Only(0),
        ["no_repeat_ngram_size"] = Only(0),
        ["dry_multiplier"] = Only(0),
        ["xtc_probability"] = Only(0),
        ["echo"] = Only(false),
        ["ignore_eos"] = Only(false),
        ["use_beam_search"] = Only(false),
        ["continue_final_message"] = Only(false),
        ["add_generation_prompt"] = Only(true),
        ["skip_special_tokens"] = Only(true),
        ["spaces_between_special_tokens"] = Only(true),
        ["include_stop_str_in_output"] = Only(false),
        ["enable_thinking"] = Only(false),
        ["thinking"] = (IsDisabled, "only {\"type\":\"disabled\"} is supported"),
        ["prompt_logprobs"] = (_ => false, "is not supported"),
        ["truncate_prompt_tokens"] = (_ => false, "is not supported"),
        ["tools"] = Nothing,
        ["functions"] = Nothing,
        ["tool_choice"] = Only("none", "auto"),
        ["function_call"] = Only("none", "auto"),
        ["logit_bias"] = Nothing,
        ["modalities"] = (v => v.ValueKind == JsonValueKind.Array && v.EnumerateArray().All(m => m.ValueKind == JsonValueKind.String && m.ValueEquals("text")), "only [\"text\"] is supported"),
        ["audio"] = Nothing,
        ["reasoning_effort"] = Only("none"),
        ["verbosity"] = Only("medium"),
        ["web_search_options"] = (_ => false, "is not supported"),
        ["suffix"] = Only(""),
        ["bad_words"] = Nothing,
        ["stop_token_ids"] = Nothing,
        ["allowed_token_ids"] = Nothing,
        ["logits_processors"] = Nothing,
        ["mm_processor_kwargs"] = Nothing,
        ["documents"] = Nothing,
        ["chat_template"] = Nothing,
        ["chat_template_kwargs"] = (IsThinkingOff, "only {\"enable_thinking\":false} is supported"),
        ["grammar"] = Nothing,
        ["ebnf"] = Nothing,
        ["regex"] = Nothing,
        ["json_schema"] = Nothing,
        ["guided_json"] = Nothing,
        ["guided_regex"] = Nothing,
        ["guided_choice"] = Nothing,
        ["guided_grammar"] = Nothing,
        ["structured_outputs"] = Nothing,
    };

    private static (Func<JsonElement, bool>, string) Nothing => (IsEmpty, "is not supported");

    /// <summary>The fields, sorted.</summary>
    public static IEnumerable<string> Names => Fields.Keys.Order(StringComparer.Ordinal);

    // Fields of /v1/responses alone, and those of a chat that it calls otherwise.
    private static readonly Dictionary<string, (Func<JsonElement, bool> IsHarmless, string Description)> ResponseFields = new(Fields)
    {
        ["n"] = Only(1),
        ["logprobs"] = (Only(false).Item1, "is a field of /v1/chat/completions; write include: [\"message.output_text.logprobs\"]"),
        ["messages"] = (IsEmpty, "is a field of /v1/chat/completions; write input"),
        ["max_tokens"] = (_ => false, "is a field of /v1/chat/completions; write max_output_tokens"),
        ["max_completion_tokens"] = (_ => false, "is a field of /v1/chat/completions; write max_output_tokens"),
        ["response_format"] = (IsText, "is a field of /v1/chat/completions; write text.format"),
        ["background"] = Only(false),
        ["conversation"] = (_ => false, "is not supported: nothing is kept; send the earlier turns"),
        ["previous_response_id"] = (_ => false, "is not supported: nothing is kept; send the earlier turns"),
        ["prompt"] = Nothing,
        ["reasoning"] = (HasNoEffort, "is not supported; only {\"effort\":\"none\"} is"),
        ["text"] = (IsFormatAlone, "only format and {\"verbosity\":\"medium\"} are supported"),
        ["truncation"] = Only("disabled"),
        ["context_management"] = Nothing,
    };

    /// <summary>Those of <c>/v1/responses</c>, sorted.</summary>
    public static IEnumerable<string> ResponseNames => ResponseFields.Keys.Order(StringComparer.Ordinal);

    /// <summary>Notes what would change the answer.</summary>
    public static void Refuse(BodyObject body) => Refuse(body, Fields);

    /// <summary>The same in a body of <c>/v1/responses</c>.</summary>
    public static void RefuseInResponses(BodyObject body)
    {
        Refuse(body, ResponseFields, own: "include");
        if (body.Object("sgl")?.Flag("provisional") ?? false)
        {
            body.Violations.Add("sgl.provisional", "is for /v1/chat/completions");
        }
    }

    // A field of sgl beside it is one in the wrong place, but for what the protocol has under the same name.
    private static void Refuse(BodyObject body, Dictionary<string, (Func<JsonElement, bool> IsHarmless, string Description)> fields, string? own = null)
    {
        foreach (var member in body.Element.EnumerateObject())
        {
            if (ChatPolicyReader.Fields.Contains(member.Name) && member.Name != own)
            {
                body.Violations.Add(member.Name, $"is a field of sgl; write sgl.{member.Name}");
            }
            else if (ChatPolicyReader.ImageLimitFields.Contains(member.Name))
            {
                body.Violations.Add(member.Name, $"is a field of sgl.image_limits; write sgl.image_limits.{member.Name}");
            }
            else if (member.Value.ValueKind != JsonValueKind.Null && fields.TryGetValue(member.Name, out var field) && !field.IsHarmless(member.Value))
            {
                body.Violations.Add(member.Name, field.Description);
            }
        }
    }

    /// <summary>Whether a value is a list, an object or a text of nothing.</summary>
    public static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };

    /// <summary>Switches of templates that think are off here anyway.</summary>
    private static bool IsThinkingOff(JsonElement kwargs) => kwargs.ValueKind == JsonValueKind.Object
        && kwargs.EnumerateObject().All(m => m.Value.ValueKind == JsonValueKind.Null || (m.Name is "enable_thinking" or "thinking" && m.Value.ValueKind == JsonValueKind.False));

    private static bool IsDisabled(JsonElement thinking) => thinking.ValueKind == JsonValueKind.Object
        && thinking.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("disabled");

    private static bool HasNoEffort(JsonElement reasoning) => reasoning.ValueKind == JsonValueKind.Object
        && reasoning.EnumerateObject().All(m => m.Value.ValueKind == JsonValueKind.Null || (m.NameEquals("effort") && m.Value.ValueKind == JsonValueKind.String && m.Value.ValueEquals("none")));

    private static bool IsFormatAlone(JsonElement text) => text.ValueKind == JsonValueKind.Object
        && text.EnumerateObject().All(m => m.Value.ValueKind == JsonValueKind.Null
            || m.NameEquals("format")
            || (m.NameEquals("verbosity") && m.Value.ValueKind == JsonValueKind.String && m.Value.ValueEquals("medium")));

    private static bool IsText(JsonElement format) => format.ValueKind == JsonValueKind.Object
        && (!format.TryGetProperty("type", out var type) || type.ValueKind == JsonValueKind.Null || (type.ValueKind == JsonValueKind.String && type.ValueEquals("text")));

    private static (Func<JsonElement, bool>, string) Only(decimal number) =>
        (v => v.ValueKind == JsonValueKind.Number && v.TryGetDecimal(out var value) && value == number, FormattableString.Invariant($"only {number} is supported"));

    private static (Func<JsonElement, bool>, string) Only(bool flag) =>
        (v => v.ValueKind == (flag ? JsonValueKind.True : JsonValueKind.False), $"only {(flag ? "true" : "false")} is supported");

    private static (Func<JsonElement, bool>, string) Only(params string[] texts) =>
        (v => v.ValueKind == JsonValueKind.String && texts.Any(t => v.ValueEquals(t)), $"only {string.Join(" or ", texts.Select(t => $"\"{t}\""))} is supported");
}
