using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Sgl.Client.Internal.Chat;

/// <summary>A router as a chat client.</summary>
internal sealed class SglChatClient(SglClient client, bool provisional) : IChatClient
{
    private readonly ChatClientMetadata _metadata = new("sgl", client.Address, ChatRequests.Router);

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var answer = await client.AnswerAsync(ChatRequests.Create(this, messages, options), cancellationToken: cancellationToken).ConfigureAwait(false);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer.Text))
        {
            ModelId = answer.Model,
            FinishReason = ChatTerms.Reason(answer.FinishReason),
            Usage = ChatTerms.Usage(answer),
            CreatedAt = TimeProvider.System.GetUtcNow(),
            AdditionalProperties = ChatTerms.Properties(answer),
            RawRepresentation = answer,
        };
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var request = ChatRequests.Create(this, messages, options);
        var updates = new ChatUpdates(provisional, smallIsFinal: request.Policy is { Force: Wire.Route.Small });
        await foreach (var e in client.AskAsync(request, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            if (updates.Of(e) is { } update)
            {
                yield return update;
            }
        }

        updates.ThrowIfBroken();
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(client) ? client
            : null;
    }

    public void Dispose()
    {
    }
}
