using System.Globalization;
using Google.Protobuf;
using Microsoft.Extensions.AI;

namespace Sgl.Client.Internal.Chat;

/// <summary>Requests from messages and options. What cannot be done is refused by name: an answer that differs from what was wanted would be noticed by nobody.</summary>
internal static class ChatRequests
{
    /// <summary>Name of the cascade as a model; with a colon and a name behind it, under that policy.</summary>
    public const string Router = "sgl";

    /// <summary>The request.</summary>
    /// <param name="client">For <see cref="ChatOptions.RawRepresentationFactory"/>.</param>
    /// <param name="messages">The chat.</param>
    /// <param name="options">Null: the router's own.</param>
    /// <exception cref="NotSupportedException">It asks for something that the router does not do.</exception>
    public static Wire.AnswerRequest Create(IChatClient client, IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var request = Begin(client, options);
        if (options is not null)
        {
            Refuse(options);
            Read(options, request);
            if (options.Instructions is { Length: > 0 } instructions)
            {
                request.Messages.Add(new Wire.ChatMessage { Role = Wire.ChatRole.System, Parts = { new Wire.ChatPart { Text = instructions } } });
            }
        }

        foreach (var message in messages)
        {
            request.Messages.Add(Turn(message, request));
        }

        return request;
    }

    private static Wire.AnswerRequest Begin(IChatClient client, ChatOptions? options) => options?.RawRepresentationFactory?.Invoke(client) switch
    {
        // An importance vector has no place in a response, and is long.
        null => new Wire.AnswerRequest { OmitImportance = true },
        Wire.AnswerRequest own => own.Clone(),
        var other => throw new NotSupportedException($"ChatOptions.RawRepresentationFactory gave a {other.GetType()}; give a Sgl.V1.AnswerRequest, whose policy, sampling and limits then hold."),
    };

    private static void Refuse(ChatOptions options)
    {
        Require(options.Tools is not { Count: > 0 }, nameof(options.Tools), "the models call none");
        Require(options.ResponseFormat is null or ChatResponseFormatText or ChatResponseFormatJson, nameof(options.ResponseFormat), "answers are text or JSON");
        Require(options.FrequencyPenalty is null or 0, nameof(options.FrequencyPenalty), "there is none");
        Require(options.PresencePenalty is null or 0, nameof(options.PresencePenalty), "there is none");
        Require(options.ConversationId is null, nameof(options.ConversationId), "nothing is kept between calls: send the whole conversation");
        Require(options.Reasoning is null, nameof(options.Reasoning), "the models do not think before they answer");
    }

    private static void Require(bool holds, string option, string why)
    {
        if (!holds)
        {
            throw new NotSupportedException($"ChatOptions.{option} cannot be had from a router: {why}.");
        }
    }

    private static void Read(ChatOptions options, Wire.AnswerRequest request)
    {
        var sampling = request.Sampling ??= new Wire.Sampling();
        if (options.MaxOutputTokens is { } most)
        {
            // A limit, as elsewhere in these abstractions, and no order.
            (sampling.MaxNewTokens, sampling.ClampMaxNewTokens) = (most, true);
        }

        if (options.Temperature is { } temperature)
        {
            sampling.Temperature = temperature;
        }

        if (options.TopP is { } topP)
        {
            sampling.TopP = topP;
        }

        if (options.TopK is { } topK)
        {
            sampling.TopK = topK;
        }

        if (options.Seed is { } seed)
        {
            sampling.Seed = unchecked((ulong)seed);
        }

        if (options.StopSequences is { } stop)
        {
            sampling.Stop.AddRange(stop);
        }

        if (options.ResponseFormat is ChatResponseFormatJson json)
        {
            // What of a schema cannot be enforced the router refuses, with its place.
            request.ResponseFormat = json.Schema is { } schema ? new Wire.ResponseFormat { JsonSchema = schema.GetRawText() } : new Wire.ResponseFormat { JsonObject = true };
        }

        if (options.ModelId is { Length: > 0 } model && model != Router)
        {
            Require(
                model.StartsWith(Router + ":", StringComparison.Ordinal) && model.Length > Router.Length + 1, nameof(options.ModelId),
                $"\"{model}\" is neither \"{Router}\" nor \"{Router}:POLICY\"; one model alone is asked by policy.force of a Sgl.V1.AnswerRequest from RawRepresentationFactory");
            (request.Policy ??= new Wire.RoutingPolicy()).Name = model[(Router.Length + 1)..];
        }
    }

    private static Wire.ChatMessage Turn(ChatMessage message, Wire.AnswerRequest request)
    {
        var turn = new Wire.ChatMessage { Role = Role(message.Role) };
        foreach (var content in message.Contents)
        {
            if (Part(content, request) is { } part)
            {
                turn.Parts.Add(part);
            }
        }

        return turn;
    }

    private static Wire.ChatRole Role(ChatRole role) =>
        role == ChatRole.User ? Wire.ChatRole.User
        : role == ChatRole.Assistant ? Wire.ChatRole.Assistant
        : role == ChatRole.System ? Wire.ChatRole.System
        : throw new NotSupportedException($"A message has the role \"{role}\"; a router knows system, user and assistant.");

    private static Wire.ChatPart? Part(AIContent content, Wire.AnswerRequest request)
    {
        switch (content)
        {
            case TextContent text:
                return new Wire.ChatPart { Text = text.Text };
            case DataContent data when data.HasTopLevelMediaType("image"):
                request.Images.Add(new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(data.Data), Name = data.Name ?? "" });
                return new Wire.ChatPart { ImageIndex = request.Images.Count - 1 };
            case UriContent uri:
                throw new NotSupportedException($"A picture at {uri.Uri.GetLeftPart(UriPartial.Authority)} is not fetched; load it, and add its bytes as DataContent.");

            // Of earlier responses: told beside the text, not said.
            case UsageContent or SglProvisionalContent or TextReasoningContent or ErrorContent:
                return null;
            case DataContent data:
                throw new NotSupportedException(string.Create(CultureInfo.InvariantCulture, $"Content of type {data.MediaType} cannot be asked about; pictures can, as image/*."));
            default:
                throw new NotSupportedException($"{content.GetType().Name} cannot be asked about; TextContent and pictures as DataContent can.");
        }
    }
}
