namespace Sgl.Router;

/// <summary>Tells the events of an answer in the terms of a protocol.</summary>
internal interface IAnswerStream
{
    /// <summary>Takes an event of the router.</summary>
    Task TakeAsync(Wire.AnswerResponse answer);

    /// <summary>Ends a stream that has begun with an error.</summary>
    Task FailAsync(ChatErrorBody body);
}
